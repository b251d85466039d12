using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>An operation that one launch computes.</summary>
/// <typeparam name="T">What the kernel is told.</typeparam>
/// <param name="operation">The operation's name.</param>
/// <param name="code">Chooses the kernel for a node.</param>
/// <param name="geometry">Cuts the work of a run.</param>
/// <param name="refuses">Why a node cannot run here, if there are reasons.</param>
internal sealed class OneLaunchKernel<T>(string operation, Func<KernelBinding, KernelCode> code, Func<KernelBinding, RunSize, T> geometry, Func<GraphNode, KernelOptions, string?>? refuses = null)
    : CudaKernel(operation)
    where T : unmanaged, IKernelGeometry
{
    /// <inheritdoc/>
    public override string? Refuses(GraphNode node, KernelOptions options) => refuses?.Invoke(node, options);

    /// <inheritdoc/>
    public override IStep Bind(KernelBinding binding) => new Step(code(binding), binding, geometry);

    private sealed class Step(KernelCode code, KernelBinding binding, Func<KernelBinding, RunSize, T> geometry) : CudaStep
    {
        public override void Prepare(KernelLibrary library) => library.Prepare(code);

        public override void Launch(CudaStream stream, in RunSize size) => stream.Launch(code, geometry(binding, size));
    }
}
