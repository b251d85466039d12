using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The chosen experts' networks in one operation.</summary>
internal sealed class FusedMoeKernel() : ProductKernel(FusedMoeOp.OpName, ProductPaths.FusedMoe)
{
    /// <inheritdoc/>
    public override string? Refuses(GraphNode node, KernelOptions options)
    {
        (Weight gate, Weight up) = (node.Weights[0], node.Weights[1]);
        return base.Refuses(node, options) ?? (gate.Type == up.Type ? null : $"gate is {gate.Type} and up is {up.Type}; one kernel reads both");
    }
}
