using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The one list of CUDA kernels.</summary>
internal static class CudaKernels
{
    /// <summary>Registers them all.</summary>
    public static OpRegistry AddCudaKernels(this OpRegistry registry) => registry
        .Register(new ElementwiseKernel(AddOp.OpName, "add"))
        .Register(new ElementwiseKernel(MulOp.OpName, "multiply"));
}
