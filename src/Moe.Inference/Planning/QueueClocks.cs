using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// What is certain to have ended before the next step of each queue, as vector clocks say it (Fidge, 1988): all that the host had seen end
/// when it handed the step out, and, with each wait, all that was certain when the awaited step began.
/// </summary>
internal sealed class QueueClocks
{
    private static readonly DeviceQueue Host = new(Device.Cpu);

    // For each queue: the last step of every other queue that has certainly ended.
    private readonly Dictionary<DeviceQueue, Dictionary<DeviceQueue, int>> _known = [];
    private readonly Dictionary<(DeviceQueue, int), Dictionary<DeviceQueue, int>> _knownAt = [];

    /// <summary>Whether a step of one queue has certainly ended before the next step of another.</summary>
    public bool HasEnded(DeviceQueue waiter, DeviceQueue queue, int step) =>
        waiter == queue || (KnownTo(waiter).TryGetValue(queue, out int last) && last >= step);

    /// <summary>A step is handed out: what the host has seen is known to its queue.</summary>
    public void HandOut(DeviceQueue queue) => Merge(KnownTo(queue), KnownTo(Host));

    /// <summary>A queue waits for a step of another one that has begun.</summary>
    public void Wait(DeviceQueue waiter, DeviceQueue queue, int step)
    {
        Dictionary<DeviceQueue, int> known = KnownTo(waiter);
        if (_knownAt.TryGetValue((queue, step), out Dictionary<DeviceQueue, int>? before))
            Merge(known, before);
        known[queue] = Math.Max(step, known.GetValueOrDefault(queue, -1));
    }

    /// <summary>A step begins, all its waits done.</summary>
    public void Begin(DeviceQueue queue, int step) => _knownAt[(queue, step)] = new(KnownTo(queue));

    private Dictionary<DeviceQueue, int> KnownTo(DeviceQueue queue)
    {
        if (!_known.TryGetValue(queue, out Dictionary<DeviceQueue, int>? known))
            _known.Add(queue, known = []);
        return known;
    }

    private static void Merge(Dictionary<DeviceQueue, int> target, Dictionary<DeviceQueue, int> source)
    {
        if (target == source)
            return;
        foreach ((DeviceQueue queue, int step) in source)
            target[queue] = Math.Max(step, target.GetValueOrDefault(queue, -1));
    }
}
