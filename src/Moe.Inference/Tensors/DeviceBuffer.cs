namespace Moe.Inference.Tensors;

/// <summary>A piece of one device's memory. Who allocates it disposes it; views never own memory.</summary>
public abstract class DeviceBuffer : IDisposable
{
    /// <summary>Creates the handle of an allocation.</summary>
    /// <param name="device">Where the memory is.</param>
    /// <param name="length">Its size in bytes.</param>
    /// <param name="purpose">What it is for, as reports and errors name it (<c>weights</c>, <c>arena</c>, …).</param>
    protected DeviceBuffer(Device device, long length, string purpose)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Device = device;
        Length = length;
        Purpose = purpose;
    }

    /// <summary>Where the memory is.</summary>
    public Device Device { get; }

    /// <summary>Size in bytes.</summary>
    public long Length { get; }

    /// <summary>What the memory is for.</summary>
    public string Purpose { get; }

    /// <summary>The first byte's address, meaningful on <see cref="Device"/> only.</summary>
    /// <exception cref="ObjectDisposedException">The memory was given back.</exception>
    public abstract nint Address { get; }

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives the memory back; called at least once.</summary>
    /// <param name="disposing">False in a finalizer.</param>
    protected abstract void Dispose(bool disposing);
}
