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

    /// <summary>The device.</summary>
    public string Device { get; }

    /// <summary>Bytes asked for.</summary>
    public long Wanted { get; }

    /// <summary>Bytes free, or -1 where the device does not tell.</summary>
    public long Free { get; }

    /// <summary>What the memory was for.</summary>
    public string Purpose { get; }
}
