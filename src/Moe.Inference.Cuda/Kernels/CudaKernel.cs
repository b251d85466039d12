using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>What all CUDA kernels share.</summary>
/// <param name="operation">The operation's name.</param>
internal abstract class CudaKernel(string operation) : IKernel
{
    /// <inheritdoc/>
    public string Operation => operation;

    /// <inheritdoc/>
    public string DeviceKind => Device.CudaKind;

    /// <inheritdoc/>
    public virtual string? Refuses(GraphNode node, KernelOptions options) => null;

    /// <inheritdoc/>
    public virtual long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => 0;

    /// <inheritdoc/>
    public abstract IStep Bind(KernelBinding binding);
}
