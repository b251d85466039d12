using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Checks that whoever touches memory that a step of another queue reads or writes begins after that step. For each queue it follows what is
/// certain to have ended before the queue's next step (<see cref="QueueClocks"/>).
/// </summary>
internal sealed class HazardCheck(ExecutionPlan plan)
{
    private static readonly DeviceQueue Host = new(Device.Cpu);

    private readonly QueueClocks _clocks = new();

    // The steps of each queue but the host's, and what they touch, in order.
    private readonly Dictionary<DeviceQueue, List<(PlannedStep Step, Touch[] Touches)>> _open = [];

    /// <summary>Checks the plan.</summary>
    /// <exception cref="PlanningException">A step does not wait for one that it must wait for.</exception>
    public void Run()
    {
        foreach (PlannedStep step in plan.Steps)
        {
            _clocks.HandOut(step.Queue);
            foreach (int wait in step.Waits)
            {
                if (wait < 0 || wait >= step.Node.Id || plan.Steps[wait].Queue == Host)
                    throw PlanChecker.Fault(step, $"waits for step {wait}, which is no step of another queue before it");
                _clocks.Wait(plan.WaiterOf(step, wait), plan.Steps[wait].Queue, wait);
            }

            // A step that the host takes part in is handed out once the host has waited.
            _clocks.HandOut(step.Queue);
            Touch[] touches = [.. TouchesOf(step)];
            // The latest: it is the one that the step should have waited for.
            if (touches.SelectMany(ClashesOf).MaxBy(clash => clash.Other.Node.Id) is { Other: { } other } clash)
                throw PlanChecker.Fault(step, $"{Verb(clash.Mine)} without waiting for {(other.IsTransfer ? "the transfer " : "")}'{other.Node.Label}' (step {other.Node.Id} on {other.Queue}), which {Verb(clash.Others)} there");
            if (step.Queue == Host)
                continue;
            if (!_open.TryGetValue(step.Queue, out List<(PlannedStep, Touch[])>? own))
                _open.Add(step.Queue, own = []);
            own.Add((step, [.. touches.Where(touch => touch.Actor != Host)]));
            _clocks.Begin(step.Queue, step.Node.Id);
        }
    }

    // For each other queue the latest step that may still be at work where this one touches memory.
    private IEnumerable<Clash> ClashesOf(Touch mine)
    {
        foreach ((DeviceQueue queue, List<(PlannedStep Step, Touch[] Touches)> open) in _open.Where(pair => pair.Key != mine.Actor))
        {
            for (int i = open.Count - 1; i >= 0 && !_clocks.HasEnded(mine.Actor, queue, open[i].Step.Node.Id); i--)
            {
                int found = Array.FindIndex(open[i].Touches, touch => !mine.IsApart(touch));
                if (found < 0)
                    continue;
                yield return new Clash(mine, open[i].Step, open[i].Touches[found]);
                break;
            }
        }
    }

    private static string Verb(Touch touch) => $"{(touch.Writes ? "writes" : "reads")} {touch.Name}";

    private IEnumerable<Touch> TouchesOf(PlannedStep step)
    {
        for (int i = 0; i < step.Node.Inputs.Count; i++)
        {
            GraphValue input = step.Node.Inputs[i];
            (bool onHost, bool writes) = step.Node.Operation is StageExpertsOp ? (i == 0, i == 1) : (false, false);
            yield return new Touch(onHost ? Host : step.Queue, plan.Values[input.Id], $"'{input.Name}'", writes);
        }

        foreach (GraphValue output in step.Node.Outputs)
            yield return new Touch(step.Queue, plan.Values[output.Id], $"'{output.Name}'", true);
        if (step.Scratch.Bytes > 0)
            yield return new Touch(step.Queue, step.Scratch, "its scratch memory", true);
    }

    private readonly record struct Touch(DeviceQueue Actor, ArenaSlot Slot, string Name, bool Writes)
    {
        public bool IsApart(in Touch other) =>
            !(Writes || other.Writes) || Slot.Device != other.Slot.Device || Slot.Offset >= other.Slot.Offset + other.Slot.Bytes || other.Slot.Offset >= Slot.Offset + Slot.Bytes;
    }

    private sealed record Clash(Touch Mine, PlannedStep Other, Touch Others);
}
