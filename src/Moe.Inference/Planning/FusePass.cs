using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning.Fusions;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Puts one operation in the place of neighbouring nodes wherever the device that runs them all has a kernel for it. Nothing is fused across
/// devices, and nothing whose inner values somebody else uses. Comes before transfers and memory are planned.
/// </summary>
internal static class FusePass
{
    // Of two that match at one place, the earlier counts.
    private static readonly IFusion[] All = [new AddNormFusion(), new MatMulGroupFusion(), new RopeStoreFusion(), new MoeSumFusion()];

    /// <summary>Rewrites a graph.</summary>
    public static PlacedGraph Run(PlanRequest request, PlacedGraph placed)
    {
        IReadOnlyList<GraphNode> nodes = placed.Graph.Nodes;
        int[] lastUse = LastUses(placed.Graph);
        GraphRewriter rewriter = new(placed.Graph);
        List<Device> devices = [];
        List<IKernel?> kernels = [];
        for (int i = 0; i < nodes.Count;)
        {
            Device device = placed.Devices[i];
            GraphNode[] run = [.. nodes.Skip(i).TakeWhile((_, ahead) => placed.Devices[i + ahead] == device).Take(MostNodes)];
            (FusedNodes? fused, IKernel? kernel) = Find(request, device, run, lastUse);
            devices.Add(device);
            kernels.Add(kernel ?? placed.Kernels[i]);
            if (fused is null)
            {
                rewriter.Copy(nodes[i], rewriter.Inputs(nodes[i]));
                i++;
                continue;
            }

            rewriter.Builder.Layer = nodes[i].Layer;
            GraphNode node = rewriter.Builder.AddNode(fused.Label, fused.Operation, rewriter.Values(fused.Inputs), [.. fused.Weights], fused.Kv);
            for (int output = 0; output < fused.Outputs.Count; output++)
                rewriter.Replace(fused.Outputs[output], node.Outputs[output]);
            i += fused.Count;
        }

        return new PlacedGraph(rewriter.Build(), devices, kernels);
    }

    // No fusion looks further ahead.
    private const int MostNodes = 8;

    private static (FusedNodes?, IKernel?) Find(PlanRequest request, Device device, GraphNode[] run, int[] lastUse)
    {
        foreach (IFusion fusion in All)
        {
            if (request.Registry.IsEnabled(fusion.Operation)
                && request.Registry.Find(fusion.Operation, device.Kind) is { } kernel
                && fusion.Match(run) is { } fused
                && InnerValuesStayInside(fused, run, lastUse)
                && kernel.Refuses(Preview(fused, run[0].Layer), request.Options) is null)
                return (fused, kernel);
        }

        return (null, null);
    }

    private static bool InnerValuesStayInside(FusedNodes fused, GraphNode[] run, int[] lastUse)
    {
        int last = run[fused.Count - 1].Id;
        return run.Take(fused.Count).SelectMany(node => node.Outputs).All(value => fused.Outputs.Contains(value) || lastUse[value.Id] <= last);
    }

    // The node as it would be, for the kernel to look at.
    private static GraphNode Preview(FusedNodes fused, int layer) =>
        new(0, fused.Label, layer, fused.Operation, fused.Inputs, fused.Weights, fused.Kv) { Outputs = fused.Outputs };

    private static int[] LastUses(ModelGraph graph)
    {
        int[] last = new int[graph.ValueCount];
        foreach (GraphNode node in graph.Nodes)
        {
            foreach (GraphValue input in node.Inputs)
                last[input.Id] = node.Id;
        }

        last[graph.Logits.Id] = int.MaxValue;
        return last;
    }
}
