using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>A queue of work of a device: what is on it runs in order; queues wait for each other by events only.</summary>
/// <param name="Device">The device.</param>
/// <param name="Sends">Whether it is the queue beside the one that computes, which sends weights while that one computes.</param>
public readonly record struct DeviceQueue(Device Device, bool Sends = false)
{
    /// <inheritdoc/>
    public override string ToString() => Sends ? $"{Device}, sending" : Device.ToString();
}
