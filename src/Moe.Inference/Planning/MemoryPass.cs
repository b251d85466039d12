using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>Gives every value, and every kernel's scratch memory, a place in the arena of its device, by life span in stages.</summary>
internal static class MemoryPass
{
    /// <summary>Lays memory out.</summary>
    /// <returns>The place of each value by id, that of each node's scratch memory by node id, and each arena's size.</returns>
    public static (ArenaSlot[] Values, ArenaSlot[] Scratch, IReadOnlyDictionary<Device, long> Arenas) Run(PlanRequest request, PlacedGraph placed, int[] stages)
    {
        ModelGraph graph = placed.Graph;
        Device[] homes = Homes(placed);
        (int First, int Last)[] lives = LifeSpans(graph, stages);
        Dictionary<Device, List<(ArenaRequest Request, Action<ArenaSlot> Assign)>> pieces = [];
        void Ask(Device device, ArenaRequest wanted, Action<ArenaSlot> assign)
        {
            if (!pieces.TryGetValue(device, out var list))
                pieces.Add(device, list = []);
            list.Add((wanted, assign));
        }

        ArenaSlot[] values = new ArenaSlot[graph.ValueCount];
        ArenaSlot[] scratch = new ArenaSlot[graph.Nodes.Count];
        foreach (GraphValue value in graph.Inputs.All.Concat(graph.Nodes.SelectMany(node => node.Outputs)))
            Ask(homes[value.Id], new ArenaRequest(value.Shape.ByteLength(request.Limits), lives[value.Id].First, lives[value.Id].Last), slot => values[value.Id] = slot);
        foreach (GraphNode node in graph.Nodes)
        {
            long bytes = placed.Kernels[node.Id]?.ScratchBytes(node, request.Limits, request.Options) ?? 0;
            Ask(placed.Devices[node.Id], new ArenaRequest(bytes, stages[node.Id], stages[node.Id]), slot => scratch[node.Id] = slot);
        }

        Dictionary<Device, long> arenas = [];
        foreach ((Device device, var list) in pieces)
        {
            (long[] offsets, arenas[device]) = ArenaLayout.Pack([.. list.Select(piece => piece.Request)], request.GuardBytes);
            for (int i = 0; i < offsets.Length; i++)
                list[i].Assign(new ArenaSlot(device, offsets[i], list[i].Request.Bytes));
        }

        return (values, scratch, arenas);
    }

    private static Device[] Homes(PlacedGraph placed)
    {
        Device[] homes = [.. Enumerable.Repeat(Device.Cpu, placed.Graph.ValueCount)];
        foreach (GraphNode node in placed.Graph.Nodes)
        {
            foreach (GraphValue output in node.Outputs)
                homes[output.Id] = placed.Devices[node.Id];
        }

        return homes;
    }

    // A value lives from the stage that writes it to the last stage that reads it; inputs from before the first, logits to after the last.
    // Room for experts is taken as soon as those before have been sent, so that it is filled while they are computed.
    private static (int First, int Last)[] LifeSpans(ModelGraph graph, int[] stages)
    {
        (int First, int Last)[] lives = new (int, int)[graph.ValueCount];
        foreach (GraphValue input in graph.Inputs.All)
            lives[input.Id] = (-1, -1);
        int sent = 0;
        foreach (GraphNode node in graph.Nodes)
        {
            int stage = stages[node.Id];
            sent = node.Operation is StageExpertsOp ? stage : sent;
            foreach (GraphValue output in node.Outputs)
                lives[output.Id] = (node.Operation is PrefetchExpertsOp ? sent : stage, stage);
            foreach (GraphValue input in node.Inputs)
                lives[input.Id].Last = Math.Max(lives[input.Id].Last, stage);
        }

        lives[graph.Logits.Id].Last = stages.Length == 0 ? 0 : stages[^1] + 1;
        return lives;
    }
}
