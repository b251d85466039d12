using Moe.Inference.Cuda.Native;
using Moe.Inference.Execution;

namespace Moe.Inference.Cuda.Execution;

/// <summary>A point in a queue of a CUDA device.</summary>
internal sealed unsafe class CudaEvent : IDeviceEvent
{
    // Without timing, and without a thread that spins longer than needed.
    private const uint DisableTiming = 2;

    private readonly CudaQueue _queue;
    private nint _handle;

    public CudaEvent(CudaQueue queue)
    {
        _queue = queue;
        nint handle = 0;
        Driver.EventCreate(&handle, DisableTiming).ThrowIfFailed("create", "an event", queue.Device.ToString());
        _handle = handle;
    }

    /// <summary>The driver's handle.</summary>
    public nint Handle => _handle != 0 ? _handle : throw new ObjectDisposedException(nameof(CudaEvent));

    /// <summary>The queue that records it.</summary>
    public CudaQueue Queue => _queue;

    /// <summary>How much had been enqueued when it was recorded last.</summary>
    public long Position { get; private set; }

    /// <summary>Whether the driver knows of the last recording.</summary>
    public bool IsRecorded { get; set; } = true;

    /// <summary>Notes a recording; the driver is told when somebody waits.</summary>
    public void Mark(long position) => (Position, IsRecorded) = (position, false);

    /// <inheritdoc/>
    public void WaitOnHost()
    {
        _queue.Reach(this);
        _queue.Check(Driver.EventSynchronize(Handle), "wait", "an event");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_handle != 0)
            _ = Driver.EventDestroy(_handle);
        _handle = 0;
    }
}
