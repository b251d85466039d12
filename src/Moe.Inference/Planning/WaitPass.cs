using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Says which steps each step must wait for. A queue runs in order, and the host computes while it hands out work; so only memory that steps
/// of two queues touch needs care: whoever touches the same bytes later, on another queue, waits for the step, be it to read them or to
/// write them.
/// </summary>
internal sealed class WaitPass(PlacedGraph placed, ArenaSlot[] values, ArenaSlot[] scratch)
{
    private readonly QueueClocks _clocks = new();

    // What steps of each queue but the host's may still be at.
    private readonly Dictionary<DeviceQueue, List<(int Node, Access Access)>> _pending = [];

    /// <summary>The nodes that each node waits for, by node id.</summary>
    public static IReadOnlyList<int>[] Run(PlacedGraph placed, ArenaSlot[] values, ArenaSlot[] scratch) => new WaitPass(placed, values, scratch).Run();

    /// <summary>The queue that runs a node.</summary>
    public static DeviceQueue QueueOf(GraphNode node, Device device) => node.Operation switch
    {
        TransferOp transfer => new DeviceQueue(transfer.Carrier),
        StageExpertsOp or PrefetchExpertsOp => new DeviceQueue(device, Sends: true),
        _ => new DeviceQueue(device),
    };

    private IReadOnlyList<int>[] Run()
    {
        IReadOnlyList<int>[] waits = new IReadOnlyList<int>[placed.Graph.Nodes.Count];
        foreach (GraphNode node in placed.Graph.Nodes)
        {
            Access[] accesses = [.. AccessesOf(node)];
            SortedSet<int> own = [];
            foreach (DeviceQueue actor in accesses.Select(access => access.Actor).Append(QueueOf(node, placed.Devices[node.Id])).Distinct())
            {
                _clocks.HandOut(actor);
                own.UnionWith(WaitsOf(actor, [.. accesses.Where(access => access.Actor == actor)]));
                _clocks.Begin(actor, node.Id);
            }

            waits[node.Id] = [.. own];
            foreach (Access access in accesses.Where(access => !access.Actor.Device.IsCpu))
            {
                if (!_pending.TryGetValue(access.Actor, out List<(int, Access)>? list))
                    _pending.Add(access.Actor, list = []);
                list.Add((node.Id, access));
            }
        }

        return waits;
    }

    private List<int> WaitsOf(DeviceQueue actor, Access[] accesses)
    {
        // Of several queues' steps the latest first: waiting for it may be waiting for others.
        List<int> waits = [];
        foreach ((DeviceQueue queue, int node) in Conflicts(actor, accesses).OrderByDescending(conflict => conflict.Node))
        {
            if (_clocks.HasEnded(actor, queue, node))
                continue;
            _clocks.Wait(actor, queue, node);
            waits.Add(node);
        }

        return waits;
    }

    private List<(DeviceQueue Queue, int Node)> Conflicts(DeviceQueue actor, Access[] accesses)
    {
        List<(DeviceQueue, int)> conflicts = [];
        foreach ((DeviceQueue queue, List<(int Node, Access Access)> list) in _pending)
        {
            if (queue == actor)
                continue;
            // Of several steps on one queue, waiting for the last is waiting for all.
            for (int i = list.Count - 1; i >= 0 && !_clocks.HasEnded(actor, queue, list[i].Node); i--)
            {
                Access other = list[i].Access;
                if (!Array.Exists(accesses, access => access.Conflicts(other)))
                    continue;
                conflicts.Add((queue, list[i].Node));
                break;
            }
        }

        return conflicts;
    }

    private IEnumerable<Access> AccessesOf(GraphNode node)
    {
        DeviceQueue queue = QueueOf(node, placed.Devices[node.Id]);
        if (node.Operation is StageExpertsOp)
        {
            // The host reads which experts are chosen; the queue then writes their weights.
            yield return new Access(new DeviceQueue(Device.Cpu), values[node.Inputs[0].Id], Writes: false);
            yield return new Access(queue, values[node.Inputs[1].Id], Writes: true);
            yield break;
        }

        foreach (GraphValue input in node.Inputs)
            yield return new Access(queue, values[input.Id], Writes: false);
        foreach (GraphValue output in node.Outputs)
            yield return new Access(queue, values[output.Id], Writes: true);
        if (placed.Kernels[node.Id] is not null)
            yield return new Access(queue, scratch[node.Id], Writes: true);
    }

    private readonly record struct Access(DeviceQueue Actor, ArenaSlot Slot, bool Writes)
    {
        public bool Conflicts(in Access other) =>
            (Writes || other.Writes) && Slot.Device == other.Slot.Device && Slot.Offset < other.Slot.Offset + other.Slot.Bytes && other.Slot.Offset < Slot.Offset + Slot.Bytes;
    }
}
