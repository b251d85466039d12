using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Where a placement spreads a layer's experts over devices: one fused MoE and one multi-add for each device over its experts, and one sum
/// of the parts.
/// </summary>
internal static class SplitExpertsPass
{
    /// <summary>Rewrites a graph.</summary>
    /// <returns>The graph, and the devices of nodes that belong to a part, by node id.</returns>
    /// <exception cref="PlanningException">Experts are to be split whose outputs go elsewhere than into one multi-add.</exception>
    public static (ModelGraph Graph, IReadOnlyDictionary<int, Device> Pinned) Run(ModelGraph graph, DevicePlacement placement)
    {
        Dictionary<int, Device> pinned = [];
        if (placement.Splits.Count == 0)
            return (graph, pinned);
        GraphRewriter rewriter = new(graph);
        Dictionary<int, GraphNode> experts = [];
        foreach (GraphNode node in graph.Nodes)
        {
            if (node.Operation is FusedMoeOp && placement.SplitOf(node.Layer) is { } split)
                experts.Add(SumOf(graph, node, split).Id, node);
            else if (experts.TryGetValue(node.Id, out GraphNode? fused))
                rewriter.Replace(node.Outputs[0], AddParts(rewriter, fused, node, placement.SplitOf(node.Layer)!, pinned));
            else
                rewriter.Copy(node, rewriter.Inputs(node));
        }

        return (rewriter.Build(), pinned);
    }

    private static GraphNode SumOf(ModelGraph graph, GraphNode fused, ExpertSplit split)
    {
        GraphNode[] users = [.. graph.Nodes.Where(node => node.Inputs.Contains(fused.Outputs[0]))];
        return users.Length == 1 && users[0].Operation is MultiAddOp && users[0].Inputs[0] == fused.Outputs[0]
            ? users[0]
            : throw new PlanningException(fused.Operation.Name, fused.Label, string.Join(", ", split.Ranges(fused.Weights[0].Slices).Select(range => range.Device)), "experts can be split over devices only where one multi-add sums them");
    }

    private static GraphValue AddParts(GraphRewriter rewriter, GraphNode fused, GraphNode sum, ExpertSplit split, Dictionary<int, Device> pinned)
    {
        rewriter.Builder.Layer = fused.Layer;
        FusedMoeOp op = (FusedMoeOp)fused.Operation;
        GraphValue[] operands = rewriter.Inputs(fused);
        GraphValue weights = rewriter.Inputs(sum)[1];
        IReadOnlyList<ExpertRange> ranges = split.Ranges(fused.Weights[0].Slices);
        GraphValue[] parts = new GraphValue[ranges.Count];
        for (int i = 0; i < parts.Length; i++)
        {
            ExpertRange range = ranges[i];
            Weight[] own = [.. fused.Weights.Select(weight => weight.Part(range.First, range.Count))];
            GraphNode part = rewriter.Builder.AddNode($"{fused.Label}@{range.Device}", op with { FirstExpert = op.FirstExpert + range.First }, operands, own);
            GraphNode partSum = rewriter.Builder.AddNode(parts.Length == 1 ? sum.Label : $"{sum.Label}@{range.Device}", sum.Operation, [part.Outputs[0], weights]);
            pinned[part.Id] = range.Device;
            pinned[partSum.Id] = range.Device;
            parts[i] = partSum.Outputs[0];
        }

        return parts.Length == 1 ? parts[0] : rewriter.Builder.Add(sum.Label, new SumOp(), parts);
    }
}
