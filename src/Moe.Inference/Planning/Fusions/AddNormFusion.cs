using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Planning.Fusions;

/// <summary>A sum and the normalization of whole rows of it.</summary>
internal sealed class AddNormFusion : IFusion
{
    public string Operation => AddNormOp.OpName;

    public FusedNodes? Match(ReadOnlySpan<GraphNode> nodes) =>
        nodes.Length >= 2 && nodes[0].Operation is AddOp && nodes[1] is { Operation: RmsNormOp norm } second
        && second.Inputs[0] == nodes[0].Outputs[0] && second.Weights[0].Width == second.Inputs[0].Width
            ? new FusedNodes(2, second.Label, new AddNormOp(norm.Epsilon), nodes[0].Inputs, second.Weights, [nodes[0].Outputs[0], second.Outputs[0]])
            : null;
}
