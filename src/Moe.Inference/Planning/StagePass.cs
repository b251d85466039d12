using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Planning;

/// <summary>
/// Groups neighbouring nodes that do not depend on each other into stages: the nodes of a stage may run at the same time, and a device
/// needs a barrier only between stages. A transfer is a stage of its own.
/// </summary>
internal static class StagePass
{
    /// <summary>The stage of each node, by id; non-decreasing. Nodes on different devices are never in one stage.</summary>
    public static int[] Run(PlacedGraph placed)
    {
        int[] stages = new int[placed.Graph.Nodes.Count];
        int stage = 0;
        HashSet<int> written = [];
        HashSet<int> keysTouched = [];
        foreach (GraphNode node in placed.Graph.Nodes)
        {
            bool dependent = node.Inputs.Any(input => written.Contains(input.Id))
                || (node.Kv is not null && keysTouched.Contains(node.Kv.Index))
                || (node.Id > 0 && (placed.Devices[node.Id] != placed.Devices[node.Id - 1] || IsTransfer(node) || IsTransfer(placed.Graph.Nodes[node.Id - 1])));
            if (dependent)
            {
                stage++;
                written.Clear();
                keysTouched.Clear();
            }

            stages[node.Id] = stage;
            written.UnionWith(node.Outputs.Select(output => output.Id));
            if (node.Kv is not null)
                keysTouched.Add(node.Kv.Index);
        }

        return stages;
    }

    private static bool IsTransfer(GraphNode node) => node.Operation is TransferOp or StageExpertsOp or PrefetchExpertsOp;
}
