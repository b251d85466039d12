using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>Moves each fused MoE whose weights are on the host to a device, behind a step that sends the chosen experts' weights there.</summary>
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
        foreach (GraphNode node in graph.Nodes)
        {
            GraphValue[] inputs = rewriter.Inputs(node);
            if (!pinned.ContainsKey(node.Id) && CanMove(request, node, device))
            {
                rewriter.Builder.Layer = node.Layer;
                GraphNode stage = rewriter.Builder.AddNode($"{node.Label}.weights→{device}", new StageExpertsOp(device), [inputs[1]], [.. node.Weights]);
                decided[stage.Id] = device;
                inputs = [.. inputs, stage.Outputs[0]];
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

    private static bool CanMove(PlanRequest request, GraphNode node, Device device) =>
        node.Operation is FusedMoeOp
        && node.Weights.All(weight => request.Placement.DeviceOf(weight.Name).IsCpu)
        && StageExpertsOp.Fits(node.Weights)
        && request.Registry.IsEnabled(node.Operation.Name)
        && request.Registry.Find(node.Operation.Name, device.Kind) is { } kernel
        && kernel.Refuses(node, request.Options) is null;
}
