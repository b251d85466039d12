using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Checks that whoever touches host memory that a transfer on another queue reads or writes begins after that transfer. For each queue it
/// follows what is certain to have ended before the queue's next step, as vector clocks do (Fidge, 1988): all that the host had seen when
/// it handed the step out, and, with each wait, all that was certain when the awaited transfer began.
/// </summary>
internal sealed class HazardCheck(ExecutionPlan plan)
{
    // For each queue: the last step of every other queue that has certainly ended.
    private readonly Dictionary<Device, Dictionary<Device, int>> _known = [];
    private readonly Dictionary<int, Dictionary<Device, int>> _knownAtTransfer = [];
    private readonly List<PlannedStep> _open = [];

    /// <summary>Checks the plan.</summary>
    /// <exception cref="PlanningException">A step does not wait for a transfer that it must wait for.</exception>
    public void Run()
    {
        foreach (PlannedStep step in plan.Steps)
        {
            Dictionary<Device, int> known = KnownTo(step.Device);
            Merge(known, KnownTo(Device.Cpu));
            foreach (int wait in step.Waits)
            {
                if (!_knownAtTransfer.TryGetValue(wait, out Dictionary<Device, int>? before))
                    throw PlanChecker.Fault(step, $"waits for step {wait}, which is no transfer before it");
                Merge(known, before);
                Merge(known, new() { [plan.Steps[wait].Device] = wait });
            }

            // The latest first: it is the one that the step should have waited for.
            foreach (PlannedStep transfer in _open.AsEnumerable().Reverse())
            {
                if (transfer.Device != step.Device && !HasEnded(known, transfer))
                    CheckApart(step, transfer);
            }

            // What the host has seen end, everything handed out from now on begins after.
            if (step.Device.IsCpu)
                _open.RemoveAll(transfer => HasEnded(known, transfer));
            if (!step.IsTransfer)
                continue;
            _open.Add(step);
            _knownAtTransfer.Add(step.Node.Id, new(known));
        }
    }

    private void CheckApart(PlannedStep step, PlannedStep transfer)
    {
        foreach ((ArenaSlot mine, string name, bool writes) in HostAccesses(step))
        {
            foreach ((ArenaSlot other, string otherName, bool otherWrites) in HostAccesses(transfer))
            {
                if ((writes || otherWrites) && mine.Offset < other.Offset + other.Bytes && other.Offset < mine.Offset + mine.Bytes)
                    throw PlanChecker.Fault(step, $"{(writes ? "writes" : "reads")} {name} without waiting for the transfer '{transfer.Node.Label}' (step {transfer.Node.Id} on {transfer.Device}), which {(otherWrites ? "writes" : "reads")} {otherName} there");
            }
        }
    }

    private IEnumerable<(ArenaSlot Slot, string Name, bool Writes)> HostAccesses(PlannedStep step)
    {
        foreach (GraphValue input in step.Node.Inputs)
        {
            if (plan.Values[input.Id].Device.IsCpu)
                yield return (plan.Values[input.Id], $"'{input.Name}'", false);
        }

        foreach (GraphValue output in step.Node.Outputs)
        {
            if (plan.Values[output.Id].Device.IsCpu)
                yield return (plan.Values[output.Id], $"'{output.Name}'", true);
        }

        if (step.Device.IsCpu && step.Scratch.Bytes > 0)
            yield return (step.Scratch, "its scratch memory", true);
    }

    private Dictionary<Device, int> KnownTo(Device queue)
    {
        if (!_known.TryGetValue(queue, out Dictionary<Device, int>? known))
            _known.Add(queue, known = []);
        return known;
    }

    private static bool HasEnded(Dictionary<Device, int> known, PlannedStep transfer) => known.TryGetValue(transfer.Device, out int last) && last >= transfer.Node.Id;

    private static void Merge(Dictionary<Device, int> target, Dictionary<Device, int> source)
    {
        if (target == source)
            return;
        foreach ((Device queue, int step) in source)
            target[queue] = Math.Max(step, target.GetValueOrDefault(queue, -1));
    }
}
