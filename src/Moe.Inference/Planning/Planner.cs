using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>Turns a graph into a plan: assign devices, expand what has no kernel, group into stages, lay out memory.</summary>
public static class Planner
{
    /// <summary>Makes a plan.</summary>
    /// <exception cref="PlanningException">No plan is possible; the message names operation, tensor and device.</exception>
    public static ExecutionPlan Plan(PlanRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        ExpandedGraph expanded = ExpandPass.Run(request, AssignPass.Run(request));
        RequireOneDevice(expanded);
        int[] stages = StagePass.Run(expanded);
        return LayOut(request, expanded, stages);
    }

    // Transfers between devices are steps of their own; until they exist, a plan over several devices must not come into being.
    private static void RequireOneDevice(ExpandedGraph expanded)
    {
        Device first = expanded.Devices[0];
        int other = expanded.Devices.TakeWhile(device => device == first).Count();
        if (other < expanded.Devices.Count)
        {
            GraphNode node = expanded.Graph.Nodes[other];
            throw new PlanningException(node.Operation.Name, node.Label, expanded.Devices[other].ToString(), $"the model starts on {first}, and splitting a model over devices is not supported yet");
        }
    }

    private static ExecutionPlan LayOut(PlanRequest request, ExpandedGraph expanded, int[] stages)
    {
        ModelGraph graph = expanded.Graph;
        int end = stages.Length == 0 ? 0 : stages[^1] + 1;
        (int First, int Last)[] lives = LifeSpans(graph, stages, end);
        GraphValue[] values = AllValues(graph);
        List<ArenaRequest> requests = [.. values.Select(value => new ArenaRequest(value.Shape.ByteLength(request.Limits), lives[value.Id].First, lives[value.Id].Last))];
        foreach (GraphNode node in graph.Nodes)
            requests.Add(new ArenaRequest(expanded.Kernels[node.Id].ScratchBytes(node, request.Limits, request.Options), stages[node.Id], stages[node.Id]));

        Device device = expanded.Devices[0];
        (long[] offsets, long size) = ArenaLayout.Pack(requests);
        ArenaSlot Slot(int index) => new(device, offsets[index], requests[index].Bytes);
        ArenaSlot[] slots = [.. Enumerable.Range(0, values.Length).Select(Slot)];
        PlannedStep[] steps = [.. graph.Nodes.Select(node => new PlannedStep(node, device, expanded.Kernels[node.Id], stages[node.Id], Slot(values.Length + node.Id)))];
        return new ExecutionPlan(request, graph, steps, slots, new Dictionary<Device, long> { [device] = size });
    }

    // A value lives from the stage that writes it to the last stage that reads it; inputs from before the first, logits to after the last.
    private static (int First, int Last)[] LifeSpans(ModelGraph graph, int[] stages, int end)
    {
        (int First, int Last)[] lives = new (int, int)[graph.ValueCount];
        foreach (GraphValue input in graph.Inputs.All)
            lives[input.Id] = (-1, -1);
        foreach (GraphNode node in graph.Nodes)
        {
            int stage = stages[node.Id];
            foreach (GraphValue output in node.Outputs)
                lives[output.Id] = (stage, stage);
            foreach (GraphValue input in node.Inputs)
                lives[input.Id].Last = Math.Max(lives[input.Id].Last, stage);
        }

        lives[graph.Logits.Id].Last = end;
        return lives;
    }

    private static GraphValue[] AllValues(ModelGraph graph) =>
        [.. graph.Inputs.All.Concat(graph.Nodes.SelectMany(node => node.Outputs)).OrderBy(value => value.Id)];
}
