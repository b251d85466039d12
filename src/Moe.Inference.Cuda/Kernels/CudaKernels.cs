using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The one list of CUDA kernels.</summary>
internal static class CudaKernels
{
    /// <summary>Registers them all.</summary>
    public static OpRegistry AddCudaKernels(this OpRegistry registry) => registry
        .AddRowKernels()
        .AddAttentionKernels()
        .AddProductKernels();
}
