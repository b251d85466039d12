using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>
/// One device's memory and its queue of work. What is enqueued runs in order and, on other devices than the host, later: methods that
/// enqueue return at once, and a failure surfaces where somebody waits. The host's own backend runs everything before it returns.
/// Used by one thread at a time.
/// </summary>
public interface IBackend : IDisposable
{
    /// <summary>The device.</summary>
    Device Device { get; }

    /// <summary>What it is and what was chosen at start-up, for logs.</summary>
    string Description { get; }

    /// <summary>Allocates device memory; its contents are undefined.</summary>
    /// <param name="bytes">Size.</param>
    /// <param name="purpose">What it is for, as errors name it.</param>
    /// <exception cref="OutOfDeviceMemoryException">There is not so much.</exception>
    DeviceBuffer Allocate(long bytes, string purpose);

    /// <summary>Allocates memory that lives and dies together, such as a model's weights, so that a device may take it from one piece.</summary>
    /// <param name="wanted">Sizes and purposes.</param>
    /// <returns>A buffer for each, in their order.</returns>
    /// <exception cref="OutOfDeviceMemoryException">There is not so much; nothing stays allocated.</exception>
    IReadOnlyList<DeviceBuffer> AllocateAll(IReadOnlyList<(long Bytes, string Purpose)> wanted)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        List<DeviceBuffer> buffers = [];
        try
        {
            foreach ((long bytes, string purpose) in wanted)
                buffers.Add(Allocate(bytes, purpose));
            return buffers;
        }
        catch
        {
            foreach (DeviceBuffer buffer in buffers)
                buffer.Dispose();
            throw;
        }
    }

    /// <summary>Allocates host memory that this device's transfers reach fastest, or null if plain memory is as good.</summary>
    /// <param name="bytes">Size.</param>
    /// <param name="purpose">What it is for, as errors name it.</param>
    /// <exception cref="OutOfDeviceMemoryException">There is not so much.</exception>
    DeviceBuffer? AllocateHost(long bytes, string purpose) => null;

    /// <summary>Locks host memory in place, so that transfers from it reach this device at the link's full speed.</summary>
    /// <param name="address">Its first byte.</param>
    /// <param name="bytes">Its size.</param>
    /// <returns>What unlocks it when it is disposed, which must come before the memory is given back; null if that is not possible or of no use.</returns>
    IDisposable? LockHost(nint address, long bytes) => null;

    /// <summary>Binds a node to memory of this device.</summary>
    IStep Bind(IKernel kernel, KernelBinding binding);

    /// <summary>Makes steps that follow each other on this device ready to run.</summary>
    /// <param name="steps">The planned steps with what their kernels bound, in order.</param>
    IDeviceProgram Compile(IReadOnlyList<(PlannedStep Planned, IStep Bound)> steps);

    /// <summary>Creates an event that this device's queue can record.</summary>
    IDeviceEvent CreateEvent();

    /// <summary>Enqueues a program.</summary>
    /// <param name="program">Made by this backend's <see cref="Compile"/>.</param>
    /// <param name="size">The numbers behind the symbols of this run, none above the plan's limits.</param>
    /// <param name="cancellation">Stops between steps; the values are then undefined.</param>
    void Enqueue(IDeviceProgram program, RunSize size, CancellationToken cancellation);

    /// <summary>Enqueues a transfer step's copy: one end is on this device, the other on the host; or the source is on a device that this one can copy from.</summary>
    /// <param name="step">The step, as errors name it.</param>
    /// <param name="source">The memory to read.</param>
    /// <param name="sourceOffset">Where in it.</param>
    /// <param name="target">The memory to write.</param>
    /// <param name="targetOffset">Where in it.</param>
    /// <param name="bytes">How much.</param>
    void EnqueueTransfer(PlannedStep step, DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes);

    /// <summary>Lets what was enqueued begin, where a backend collects it until somebody waits.</summary>
    void Flush()
    {
    }

    /// <summary>Enqueues that an event of this backend happens when all that was enqueued before is done.</summary>
    void Record(IDeviceEvent recorded);

    /// <summary>Enqueues that what follows waits for an event of any backend; the host waits at once.</summary>
    void Wait(IDeviceEvent awaited);

    /// <summary>Whether the queue keeps what comes back run after run, so that sizes that grow slowly are better rounded up.</summary>
    bool RepeatsRuns => false;

    /// <summary>Waits until all that was enqueued is done.</summary>
    /// <exception cref="DeviceException">Something of it failed; the message names the step.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    void Synchronize();

    /// <summary>Copies host bytes into device memory; waits for the queue first.</summary>
    void Write(DeviceBuffer target, long offset, ReadOnlySpan<byte> data);

    /// <summary>Fills whole buffers with much that comes from elsewhere, such as a model's weights, and waits for it.</summary>
    /// <param name="uploads">What goes where.</param>
    /// <param name="progress">Told how many bytes were sent now, by one thread at a time.</param>
    /// <param name="cancellation">Stops between pieces.</param>
    void Upload(IReadOnlyList<DeviceUpload> uploads, Action<long> progress, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(uploads);
        ArgumentNullException.ThrowIfNull(progress);
        const int PieceBytes = 4 << 20;
        byte[] piece = new byte[PieceBytes];
        foreach (DeviceUpload upload in uploads)
        {
            for (long done = 0; done < upload.Target.Length; done += PieceBytes)
            {
                cancellation.ThrowIfCancellationRequested();
                Span<byte> part = piece.AsSpan(0, (int)Math.Min(PieceBytes, upload.Target.Length - done));
                upload.Read(done, part);
                Write(upload.Target, done, part);
                progress(part.Length);
            }
        }
    }

    /// <summary>Copies device memory to the host; waits for the queue first.</summary>
    void Read(DeviceBuffer source, long offset, Span<byte> data);

    /// <summary>Copies between two places of this device's memory, which must not overlap, after all that was enqueued and before what is enqueued later.</summary>
    void Copy(DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes);
}

/// <summary>Steps made ready for one device.</summary>
public interface IDeviceProgram : IDisposable;

/// <summary>A point in a device's queue that others can wait for. May be recorded again in every run.</summary>
public interface IDeviceEvent : IDisposable
{
    /// <summary>Waits, on the calling thread, until the last recording has happened.</summary>
    /// <exception cref="DeviceException">Something before it failed.</exception>
    void WaitOnHost();
}

/// <summary>A device that an application brings along, beside the host: it opens backends and registers kernels for them.</summary>
public interface IDeviceProvider
{
    /// <summary>The device.</summary>
    Device Device { get; }

    /// <summary>Bytes of its memory, or null if it does not tell.</summary>
    long? MemoryBytes { get; }

    /// <summary>Whether this device's transfers can read memory of another one directly; if not, values come by way of the host.</summary>
    bool CanCopyFrom(Device other) => false;

    /// <summary>Registers the kernels of this kind of device.</summary>
    void RegisterKernels(OpRegistry registry);

    /// <summary>Opens a queue. Memory allocated through one backend of a device may be used by any other of the same provider.</summary>
    IBackend Open();
}
