using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Moves each fused MoE whose weights are on the host to a device, behind a step that sends the chosen experts' weights there. Those that are
/// likely to be chosen are sent before that, while the MoE before it is computed.
/// </summary>
internal static class OffloadPass
{
    /// <summary>Rewrites a graph.</summary>
    /// <param name="request">What the plan is made for; nothing changes without its <see cref="PlanRequest.Offload"/>.</param>
    /// <param name="graph">The graph.</param>
    /// <param name="pinned">Devices that are decided already, by node id.</param>
    /// <returns>The new graph, with the devices that are decided.</returns>
    public static (ModelGraph Graph, IReadOnlyDictionary<int, Device> Pinned) Run(PlanRequest request, ModelGraph graph, IReadOnlyDictionary<int, Device> pinned)
    {
        if (request.Offload is not { } device)
            return (graph, pinned);
        GraphRewriter rewriter = new(graph);
        Dictionary<int, Device> decided = [];
        Queue<GraphNode> moving = new(graph.Nodes.Where(node => !pinned.ContainsKey(node.Id) && CanMove(request, node, device)));
        GraphValue? room = moving.TryPeek(out GraphNode? first) ? Prefetch(rewriter, first, device, decided) : null;
        foreach (GraphNode node in graph.Nodes)
        {
            GraphValue[] inputs = rewriter.Inputs(node);
            if (moving.TryPeek(out GraphNode? next) && next == node)
            {
                moving.Dequeue();
                rewriter.Builder.Layer = node.Layer;
                GraphNode stage = rewriter.Builder.AddNode($"{node.Label}.weights→{device}", new StageExpertsOp(device), [inputs[1], room!], [.. node.Weights]);
                decided[stage.Id] = device;
                inputs = [.. inputs, room!];
                room = moving.TryPeek(out GraphNode? after) ? Prefetch(rewriter, after, device, decided) : null;
                decided[rewriter.Copy(node, inputs).Id] = device;
            }
            else
            {
                GraphNode copy = rewriter.Copy(node, inputs);
                if (pinned.TryGetValue(node.Id, out Device own))
                    decided[copy.Id] = own;
            }
        }

        return (rewriter.Build(), decided);
    }

    private static GraphValue Prefetch(GraphRewriter rewriter, GraphNode node, Device device, Dictionary<int, Device> decided)
    {
        GraphNode prefetch = rewriter.Builder.AddNode($"{node.Label}.likely→{device}", new PrefetchExpertsOp(device, node.Inputs[0].Rows), [], [.. node.Weights]);
        decided[prefetch.Id] = device;
        return prefetch.Outputs[0];
    }

    private static bool CanMove(PlanRequest request, GraphNode node, Device device) =>
        node.Operation is FusedMoeOp
        && node.Weights.All(weight => request.Placement.DeviceOf(weight.Name).IsCpu)
        && StageExpertsOp.Fits(node.Weights)
        && request.Registry.IsEnabled(node.Operation.Name)
        && request.Registry.Find(node.Operation.Name, device.Kind) is { } kernel
        && kernel.Refuses(node, request.Options) is null;
}
