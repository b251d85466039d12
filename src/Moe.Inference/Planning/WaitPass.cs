using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Says which transfers each step must wait for. A device's queue runs in order, and the host computes while it hands out work; so only the
/// host memory that a transfer reads or writes on another device's queue needs care: whoever touches the same bytes later, on another
/// queue, waits for the transfer's event, be it to read them or to write them.
/// </summary>
internal static class WaitPass
{
    /// <summary>The nodes (transfers) that each node waits for, by node id.</summary>
    public static IReadOnlyList<int>[] Run(PlacedGraph placed, ArenaSlot[] values, ArenaSlot[] scratch)
    {
        IReadOnlyList<int>[] waits = new IReadOnlyList<int>[placed.Graph.Nodes.Count];
        List<Pending> pending = [];
        Dictionary<(Device Waiter, Device Queue), int> seen = [];
        foreach (GraphNode node in placed.Graph.Nodes)
        {
            Device queue = QueueOf(placed, node);
            // Of several transfers on one queue, waiting for the last is waiting for all.
            Dictionary<Device, int> latest = [];
            foreach (Pending transfer in pending)
            {
                bool known = transfer.Queue == queue || (seen.TryGetValue((queue, transfer.Queue), out int last) && last >= transfer.Node);
                if (!known && Touches(placed, node, transfer, values, scratch))
                    latest[transfer.Queue] = transfer.Node;
            }

            foreach ((Device other, int transfer) in latest)
                seen[(queue, other)] = transfer;
            waits[node.Id] = [.. latest.Values.Order()];
            if (queue.IsCpu)
                pending.RemoveAll(transfer => seen.TryGetValue((queue, transfer.Queue), out int last) && last >= transfer.Node);
            if (node.Operation is TransferOp)
                pending.Add(new Pending(node.Id, queue, HostSlot(node, values), Writes: node.Outputs.Any(output => values[output.Id].Device.IsCpu)));
        }

        return waits;
    }

    /// <summary>The device whose queue runs a node.</summary>
    public static Device QueueOf(PlacedGraph placed, GraphNode node) => node.Operation switch
    {
        TransferOp transfer => transfer.Carrier,
        // The host reads which experts are chosen, and then enqueues their copies.
        StageExpertsOp => Device.Cpu,
        _ => placed.Devices[node.Id],
    };

    private static ArenaSlot HostSlot(GraphNode node, ArenaSlot[] values) => values[(node.Operation is TransferOp { From.IsCpu: true } ? node.Inputs[0] : node.Outputs[0]).Id];

    private static bool Touches(PlacedGraph placed, GraphNode node, Pending transfer, ArenaSlot[] values, ArenaSlot[] scratch)
    {
        bool overwrites = node.Outputs.Any(output => Overlap(values[output.Id], transfer.Host))
            || (placed.Kernels[node.Id] is not null && Overlap(scratch[node.Id], transfer.Host));
        return overwrites || (transfer.Writes && node.Inputs.Any(input => Overlap(values[input.Id], transfer.Host)));
    }

    private static bool Overlap(ArenaSlot a, ArenaSlot b) =>
        a.Device.IsCpu && b.Device.IsCpu && a.Offset < b.Offset + b.Bytes && b.Offset < a.Offset + a.Bytes;

    private readonly record struct Pending(int Node, Device Queue, ArenaSlot Host, bool Writes);
}
