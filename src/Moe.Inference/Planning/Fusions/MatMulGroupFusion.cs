using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Planning.Fusions;

/// <summary>Products of one value with matrices of one type, without biases.</summary>
internal sealed class MatMulGroupFusion : IFusion
{
    public string Operation => MatMulGroupOp.OpName;

    public FusedNodes? Match(ReadOnlySpan<GraphNode> nodes)
    {
        int count = 0;
        while (count < nodes.Length && Joins(nodes[0], nodes[count]))
            count++;
        if (count < 2)
            return null;
        GraphNode[] group = [.. nodes[..count]];
        return new FusedNodes(
            count,
            $"{group[0].Label} … {group[^1].Label}",
            new MatMulGroupOp(),
            group[0].Inputs,
            [.. group.Select(node => node.Weights[0])],
            [.. group.Select(node => node.Outputs[0])]);
    }

    private static bool Joins(GraphNode first, GraphNode node) =>
        node.Operation is MatMulOp && node.Weights.Count == 1 && node.Weights[0].Type == first.Weights[0].Type && node.Inputs[0] == first.Inputs[0];
}
