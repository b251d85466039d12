using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Planning;

/// <summary>
/// Orders nodes so that devices work at the same time: what the host waits for or computes is handed out last, after everything that other
/// queues can begin meanwhile; values that the host needs leave their device as soon as they are there. The nodes of a queue keep their order
/// otherwise, so that nothing changes where only one device computes.
/// </summary>
internal static class OrderPass
{
    /// <summary>Rewrites a graph.</summary>
    public static PlacedGraph Run(PlacedGraph placed)
    {
        int[] order = Order(placed);
        if (order.AsSpan().SequenceEqual(Enumerable.Range(0, order.Length).ToArray()))
            return placed;
        GraphRewriter rewriter = new(placed.Graph);
        foreach (int id in order)
            rewriter.Copy(placed.Graph.Nodes[id], rewriter.Inputs(placed.Graph.Nodes[id]));
        return new PlacedGraph(rewriter.Build(), [.. order.Select(id => placed.Devices[id])], [.. order.Select(id => placed.Kernels[id])]);
    }

    private static int[] Order(PlacedGraph placed)
    {
        IReadOnlyList<GraphNode> nodes = placed.Graph.Nodes;
        (List<int>[] followers, int[] open) = Dependencies(placed);
        bool[] hostWaits = HostWaits(placed);
        PriorityQueue<int, (int Turn, int Id)> ready = new();
        void Offer(int id) => ready.Enqueue(id, (TurnOf(nodes[id], hostWaits[id]), id));
        for (int id = 0; id < nodes.Count; id++)
        {
            if (open[id] == 0)
                Offer(id);
        }

        List<int> order = [];
        while (ready.TryDequeue(out int id, out _))
        {
            order.Add(id);
            foreach (int follower in followers[id])
            {
                if (--open[follower] == 0)
                    Offer(follower);
            }
        }

        return [.. order];
    }

    // Handing out the many copies of experts takes the host a while, in which devices should have something to do.
    private static int TurnOf(GraphNode node, bool hostWaits) => node.Operation switch
    {
        TransferOp { To.IsCpu: true } => 0,
        PrefetchExpertsOp => 2,
        _ => hostWaits ? 3 : 1,
    };

    // Who comes after a node, and how many each node comes after.
    private static (List<int>[] Followers, int[] Open) Dependencies(PlacedGraph placed)
    {
        IReadOnlyList<GraphNode> nodes = placed.Graph.Nodes;
        List<int>[] followers = [.. nodes.Select(_ => new List<int>())];
        int[] open = new int[nodes.Count];
        Dictionary<GraphValue, int> writers = [];
        Dictionary<DeviceQueue, int> latest = [];
        void Follow(int node, int other)
        {
            followers[other].Add(node);
            open[node]++;
        }

        foreach (GraphNode node in nodes)
        {
            foreach (GraphValue input in node.Inputs)
            {
                if (writers.TryGetValue(input, out int writer))
                    Follow(node.Id, writer);
            }

            foreach (GraphValue output in node.Outputs)
                writers[output] = node.Id;
            // Staging fills the room that it takes.
            if (node.Operation is StageExpertsOp)
                writers[node.Inputs[1]] = node.Id;
            if (node.Operation is TransferOp { To.IsCpu: true })
                continue;
            DeviceQueue queue = WaitPass.QueueOf(node, placed.Devices[node.Id]);
            if (latest.TryGetValue(queue, out int before))
                Follow(node.Id, before);
            latest[queue] = node.Id;
        }

        return (followers, open);
    }

    // Whether the host works on what a device has computed, and so may have to wait before.
    private static bool[] HostWaits(PlacedGraph placed)
    {
        bool[] waits = new bool[placed.Graph.Nodes.Count];
        HashSet<GraphValue> awaited = [];
        foreach (GraphNode node in placed.Graph.Nodes)
        {
            bool arrives = node.Operation is TransferOp { To.IsCpu: true };
            waits[node.Id] = !arrives && (placed.Devices[node.Id].IsCpu || node.Operation is StageExpertsOp) && node.Inputs.Any(awaited.Contains);
            if (arrives || waits[node.Id])
                awaited.UnionWith(node.Outputs);
        }

        return waits;
    }
}
