using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Products with chosen experts' matrices.</summary>
internal sealed class ExpertMatMulKernel() : ProductKernel(ExpertMatMulOp.OpName, ProductPaths.ExpertMatMul);
