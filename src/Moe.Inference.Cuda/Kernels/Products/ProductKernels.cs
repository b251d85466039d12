using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Registers products with weights, and what looks rows up.</summary>
internal static class ProductKernels
{
    /// <summary>Registers them.</summary>
    public static OpRegistry AddProductKernels(this OpRegistry registry) => registry
        .Register(new MatMulKernel())
        .Register(new MatMulGroupKernel())
        .Register(new ExpertMatMulKernel())
        .Register(new FusedMoeKernel())
        .Register(new MoeSumKernel())
        .Register(GatherKernels.Embedding())
        .Register(GatherKernels.SelectRows());
}
