using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Products with one matrix.</summary>
internal sealed class MatMulKernel() : ProductKernel(MatMulOp.OpName, ProductPaths.MatMul)
{
    /// <inheritdoc/>
    public override string? Refuses(GraphNode node, KernelOptions options) =>
        base.Refuses(node, options) ?? (node.Weights.Count > 1 && node.Weights[1].Type != ElementType.F32 ? $"'{node.Weights[1].Name}' is {node.Weights[1].Type}; only F32 is taken as a bias" : null);
}
