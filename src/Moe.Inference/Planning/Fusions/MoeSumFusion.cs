using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Planning.Fusions;

/// <summary>Chosen experts and the weighted sum of what they give.</summary>
internal sealed class MoeSumFusion : IFusion
{
    public string Operation => MoeSumOp.OpName;

    public FusedNodes? Match(ReadOnlySpan<GraphNode> nodes) =>
        nodes.Length >= 2 && nodes[0] is { Operation: FusedMoeOp experts } first && nodes[1] is { Operation: MultiAddOp add } second
        && second.Inputs[0] == first.Outputs[0] && add.Count == experts.Used
            ? new FusedNodes(2, second.Label, new MoeSumOp(experts), [first.Inputs[0], first.Inputs[1], second.Inputs[1], .. first.Inputs.Skip(2)], first.Weights, [second.Outputs[0]])
            : null;
}
