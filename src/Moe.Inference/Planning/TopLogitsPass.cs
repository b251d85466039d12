using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Where a device other than the host computes the logits, lets it find the greatest ones, too: most sampling needs no more, so that whole
/// rows need not come to the host. The result is the plan's <see cref="ExecutionPlan.TopLogits"/>.
/// </summary>
internal static class TopLogitsPass
{
    // As many as the usual numbers of candidates, with room.
    private const int Count = 64;

    /// <summary>Adds the node at the end, if the device has a kernel for it.</summary>
    public static PlacedGraph Run(PlanRequest request, PlacedGraph placed)
    {
        GraphValue logits = placed.Graph.Logits;
        if (placed.Graph.Nodes.FirstOrDefault(node => node.Outputs.Contains(logits)) is not { } source || logits.Width > TopLogitsOp.WidestRow)
            return placed;
        Device device = placed.Devices[source.Id];
        if (device.IsCpu || !request.Registry.IsEnabled(TopLogitsOp.OpName) || request.Registry.Find(TopLogitsOp.OpName, device.Kind) is not { } kernel)
            return placed;
        GraphRewriter rewriter = new(placed.Graph);
        foreach (GraphNode node in placed.Graph.Nodes)
            rewriter.Copy(node, rewriter.Inputs(node));
        rewriter.Builder.Layer = -1;
        GraphNode top = rewriter.Builder.AddNode("top_logits", new TopLogitsOp(Count), rewriter.Values([logits]));
        return kernel.Refuses(top, request.Options) is null ? new PlacedGraph(rewriter.Build(), [.. placed.Devices, device], [.. placed.Kernels, kernel]) : placed;
    }
}
