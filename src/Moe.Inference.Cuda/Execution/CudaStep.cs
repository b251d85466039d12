using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Execution;

/// <summary>
/// A step of the CUDA backend: one or more launches. It may be captured into a graph and replayed, so that a launch may depend on nothing
/// but the run's size, whose <see cref="RunSize.Context"/> is rounded up and whose <see cref="RunSize.Pages"/> is the limit's.
/// </summary>
internal abstract class CudaStep : IStep
{
    /// <summary>Finds the kernels it needs: names all with <see cref="KernelLibrary.Prepare"/> here, so that they compile side by side.</summary>
    public abstract void Prepare(KernelLibrary library);

    /// <summary>Enqueues the launches of one run.</summary>
    /// <param name="stream">Where.</param>
    /// <param name="size">The run's size.</param>
    public abstract void Launch(CudaStream stream, in RunSize size);
}
