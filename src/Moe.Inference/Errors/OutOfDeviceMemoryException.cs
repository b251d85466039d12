namespace Moe.Inference;

/// <summary>A device has less memory than an allocation needs.</summary>
public sealed class OutOfDeviceMemoryException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="device">The device.</param>
    /// <param name="wanted">Bytes asked for.</param>
    /// <param name="free">Bytes free, or -1 where the device does not tell.</param>
    /// <param name="purpose">What the memory was for.</param>
    /// <param name="inner">The cause, if any.</param>
    public OutOfDeviceMemoryException(string device, long wanted, long free, string purpose, Exception? inner = null)
        : base($"{device} has no {wanted:N0} bytes for {purpose}{(free < 0 ? "" : $"; {free:N0} bytes are free")}", inner)
    {
        Device = device;
        Wanted = wanted;
        Free = free;
        Purpose = purpose;
    }

    /// <summary>Creates the exception for a placement that does not fit, before anything is allocated.</summary>
    /// <param name="device">The device.</param>
    /// <param name="wanted">Bytes needed in all.</param>
    /// <param name="free">Bytes the device has.</param>
    /// <param name="consumers">What needs them, largest first.</param>
    /// <param name="suggestion">What would fit; null if nothing is known.</param>
    public OutOfDeviceMemoryException(string device, long wanted, long free, IReadOnlyList<MemoryConsumer> consumers, string? suggestion)
        : base($"{device} would need {wanted:N0} bytes and has {free:N0}: {string.Join("; ", consumers.Select(consumer => $"{consumer.Name} {consumer.Bytes:N0}"))}{(suggestion is null ? "" : $". {suggestion}")}")
    {
        Device = device;
        Wanted = wanted;
        Free = free;
        Purpose = "the placement";
        LargestConsumers = consumers;
        Suggestion = suggestion;
    }

    /// <summary>The device.</summary>
    public string Device { get; }

    /// <summary>Bytes asked for.</summary>
    public long Wanted { get; }

    /// <summary>Bytes free, or -1 where the device does not tell.</summary>
    public long Free { get; }

    /// <summary>What the memory was for.</summary>
    public string Purpose { get; }

    /// <summary>What would need the memory, largest first; empty where a single allocation failed.</summary>
    public IReadOnlyList<MemoryConsumer> LargestConsumers { get; } = [];

    /// <summary>What would fit, for people; null if nothing is known.</summary>
    public string? Suggestion { get; }
}
