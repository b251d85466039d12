using System.Globalization;
using System.Text;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>A place in a device's arena.</summary>
/// <param name="Device">The device.</param>
/// <param name="Offset">Byte offset in its arena.</param>
/// <param name="Bytes">Size in bytes for the largest run.</param>
public readonly record struct ArenaSlot(Device Device, long Offset, long Bytes);

/// <summary>One node, where and by what it runs.</summary>
/// <param name="Node">The node, and its number among the plan's steps.</param>
/// <param name="Device">The device that runs it.</param>
/// <param name="Kernel">What runs it; null for a transfer and for staging.</param>
/// <param name="Stage">Steps of one stage do not depend on each other.</param>
/// <param name="Scratch">The kernel's scratch memory.</param>
/// <param name="Waits">Steps of other queues, by number, that must have ended before this step may begin.</param>
public sealed record PlannedStep(GraphNode Node, Device Device, IKernel? Kernel, int Stage, ArenaSlot Scratch, IReadOnlyList<int> Waits)
{
    /// <summary>Whether the step copies a value between devices.</summary>
    public bool IsTransfer => Node.Operation is TransferOp;

    /// <summary>Whether the step sends experts' weights to a device.</summary>
    public bool IsStaging => Node.Operation is StageExpertsOp or PrefetchExpertsOp;

    /// <summary>The queue that runs it.</summary>
    public DeviceQueue Queue => new(Device, IsStaging);
}

/// <summary>A graph made ready for devices: steps in order, and a place in memory for every value. Holds no memory itself.</summary>
public sealed class ExecutionPlan
{
    internal ExecutionPlan(PlanRequest request, ModelGraph graph, IReadOnlyList<PlannedStep> steps, IReadOnlyList<ArenaSlot> values, IReadOnlyDictionary<Device, long> arenas)
    {
        Request = request;
        Graph = graph;
        Steps = steps;
        Values = values;
        ArenaBytes = arenas;
        TopLogits = graph.Nodes.LastOrDefault(node => node.Operation is TopLogitsOp)?.Outputs[0];
    }

    /// <summary>What the plan was made for.</summary>
    public PlanRequest Request { get; }

    /// <summary>The graph that runs, fused operations expanded where they had to be.</summary>
    public ModelGraph Graph { get; }

    /// <summary>Steps in the order they run.</summary>
    public IReadOnlyList<PlannedStep> Steps { get; }

    /// <summary>The place of each value, by value id.</summary>
    public IReadOnlyList<ArenaSlot> Values { get; }

    /// <summary>Bytes of each device's arena.</summary>
    public IReadOnlyDictionary<Device, long> ArenaBytes { get; }

    /// <summary>What <see cref="TopLogitsOp"/> found of the logits, if the plan has such a step.</summary>
    internal GraphValue? TopLogits { get; }

    // The host waits itself for what it reads to send the chosen experts.
    internal DeviceQueue WaiterOf(PlannedStep step, int wait) =>
        step.Node.Operation is StageExpertsOp && Steps[wait].Node.Operation is TransferOp { To.IsCpu: true } ? new DeviceQueue(Device.Cpu) : step.Queue;

    /// <summary>The plan for people: one line a step, then the arenas.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (PlannedStep step in Steps)
        {
            string outputs = string.Join(", ", step.Node.Outputs.Select(value => value.Shape.ToString()));
            string waits = step.Waits.Count == 0 ? "" : $"  waits for {string.Join(", ", step.Waits.Select(wait => Steps[wait].Node.Label))}";
            text.Append(CultureInfo.InvariantCulture, $"{step.Stage,5} {step.Device,-6} {What(step),-18} {step.Node.Label} {outputs}{waits}\n");
        }

        foreach ((Device device, long bytes) in ArenaBytes)
            text.Append(CultureInfo.InvariantCulture, $"arena {device}: {bytes:N0} bytes\n");
        return text.ToString();
    }

    private static string What(PlannedStep step) => step.Node.Operation is TransferOp route ? $"{route.From}→{route.To}" : step.Node.Operation.Name;
}
