using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Steps one after the other, as one.</summary>
/// <param name="steps">The steps.</param>
internal sealed class StepSequence(CudaStep[] steps) : CudaStep
{
    /// <inheritdoc/>
    public override void Prepare(KernelLibrary library)
    {
        foreach (CudaStep step in steps)
            step.Prepare(library);
    }

    /// <inheritdoc/>
    public override void Launch(CudaStream stream, in RunSize size)
    {
        foreach (CudaStep step in steps)
            step.Launch(stream, size);
    }
}
