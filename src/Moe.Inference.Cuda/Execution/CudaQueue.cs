using System.Runtime.InteropServices;
using Moe.Inference.Cuda.Memory;
using Moe.Inference.Cuda.Native;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Execution;

/// <summary>
/// One stream of a CUDA device. What is enqueued is collected and handed to the driver when somebody waits, so that what comes back run after
/// run goes as one graph.
/// </summary>
internal sealed unsafe class CudaQueue : IBackend
{
    private const uint NonBlocking = 1;

    // Attention cuts the context by its length; rounding it up keeps a graph good for many tokens.
    private const int ShortestContext = 256;

    // Larger batches come in too many sizes, and their launches hide behind their work.
    private const int MostTokensOfGraphs = 64;

    private readonly CudaDevice _device;
    private readonly nint _handle;
    private readonly CudaStream _stream;
    private readonly GraphCache _graphs;
    private readonly StagingCopies _copies;
    private readonly List<Command> _pending = [];

    // A queue on another thread may wait for an event of this one, which hands over what was collected.
    private readonly Lock _handing = new();
    private readonly Action<Command> _launch;
    private string _latest = "nothing";
    private long _enqueued;
    private bool _disposed;

    public CudaQueue(CudaDevice device)
    {
        _device = device;
        device.MakeCurrent();
        nint handle = 0;
        Driver.StreamCreate(&handle, NonBlocking).ThrowIfFailed("create", "a stream", Device.ToString());
        _handle = handle;
        _stream = new CudaStream(handle, device.Library, device.Figures);
        _graphs = new GraphCache(handle, Device.ToString());
        _copies = new StagingCopies(device, handle);
        _launch = Launch;
    }

    /// <inheritdoc/>
    public Device Device => _device.Device;

    /// <inheritdoc/>
    public string Description => _device.Description;

    /// <summary>The captured graphs.</summary>
    public GraphCache Graphs => _graphs;

    /// <summary>Whether what comes back run after run goes as one graph.</summary>
    public bool UsesGraphs { get; set; } = true;

    /// <inheritdoc/>
    public bool RepeatsRuns => UsesGraphs;

    /// <inheritdoc/>
    public DeviceBuffer Allocate(long bytes, string purpose) => _device.Allocate(bytes, purpose);

    /// <inheritdoc/>
    public IReadOnlyList<DeviceBuffer> AllocateAll(IReadOnlyList<(long Bytes, string Purpose)> wanted) => _device.AllocateAll(wanted);

    /// <inheritdoc/>
    public DeviceBuffer AllocateHost(long bytes, string purpose) => _device.AllocatePinned(bytes, purpose);

    /// <inheritdoc/>
    public IDisposable? LockHost(nint address, long bytes) => LockedHostMemory.TryLock(_device, address, bytes);

    /// <inheritdoc/>
    public IStep Bind(IKernel kernel, KernelBinding binding)
    {
        IStep step = kernel.Bind(binding);
        (step as CudaStep)?.Prepare(_device.Library);
        return step;
    }

    /// <inheritdoc/>
    public IDeviceProgram Compile(IReadOnlyList<(PlannedStep Planned, IStep Bound)> steps) => new CudaProgram([.. steps.Select(step => (step.Planned, AsCudaStep(step.Planned, step.Bound)))]);

    /// <inheritdoc/>
    public IDeviceEvent CreateEvent()
    {
        _device.MakeCurrent();
        return new CudaEvent(this);
    }

    /// <inheritdoc/>
    public void Enqueue(IDeviceProgram program, RunSize size, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Add(new Command((CudaProgram)program, Rounded(size), 0, 0, 0, false));
    }

    /// <inheritdoc/>
    public void EnqueueTransfer(PlannedStep step, DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes)
    {
        ArgumentNullException.ThrowIfNull(step);
        if (target is CudaBuffer own && own.Owner == _device && source is CudaBuffer { Owner: var owner } && owner != _device)
        {
            CopyFromPeer(step, owner, source, sourceOffset, target, targetOffset, bytes);
            return;
        }

        bool up = source.Device.IsCpu;
        if ((up ? target : source).Device != Device || !(up ? source : target).Device.IsCpu)
            throw Refusal(step, $"a transfer from '{source.Purpose}' on {source.Device} to '{target.Purpose}' on {target.Device} is neither between this device and the host nor from another GPU to this one");
        RequireWithin(step, source, sourceOffset, target, targetOffset, bytes);
        if (bytes > 0)
            Add(new Command(null, default, source.Address + (nint)sourceOffset, target.Address + (nint)targetOffset, bytes, up));
    }

    /// <inheritdoc/>
    public void Flush() => Submit();

    /// <inheritdoc/>
    public void Record(IDeviceEvent recorded)
    {
        lock (_handing)
        {
            CudaEvent own = (CudaEvent)recorded;
            own.Mark(_enqueued);
            // Later it would happen after what is enqueued until then.
            if (_pending.Count == 0)
                RecordNow(own);
        }
    }

    /// <inheritdoc/>
    public void Wait(IDeviceEvent awaited)
    {
        ArgumentNullException.ThrowIfNull(awaited);
        if (awaited is not CudaEvent other)
        {
            Submit();
            awaited.WaitOnHost();
            return;
        }

        if (other.Queue == this)
            return;
        other.Queue.Reach(other);
        Submit();
        _device.MakeCurrent();
        Check(Driver.StreamWaitEvent(_handle, other.Handle, 0), "wait", "an event");
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
        Submit();
        _device.MakeCurrent();
        Check(Driver.StreamSynchronize(_handle), "run", _latest);
    }

    /// <inheritdoc/>
    public void Write(DeviceBuffer target, long offset, ReadOnlySpan<byte> data)
    {
        ThrowUnlessWithin(target, offset, data.Length);
        Synchronize();
        fixed (byte* source = data)
            _copies.Up((nint)source, target, offset, data.Length);
    }

    /// <inheritdoc/>
    public void Upload(IReadOnlyList<DeviceUpload> uploads, Action<long> progress, CancellationToken cancellation)
    {
        Synchronize();
        UploadPipeline.Run(_device, uploads, progress, cancellation);
    }

    /// <inheritdoc/>
    public void Read(DeviceBuffer source, long offset, Span<byte> data)
    {
        ThrowUnlessWithin(source, offset, data.Length);
        Submit();
        fixed (byte* target = data)
            _copies.Down(source.Address + (nint)offset, (nint)target, data.Length, source.Purpose);
    }

    /// <inheritdoc/>
    public void Copy(DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes)
    {
        ThrowUnlessWithin(source, sourceOffset, bytes);
        ThrowUnlessWithin(target, targetOffset, bytes);
        Submit();
        _device.MakeCurrent();
        Check(Driver.CopyWithin(target.Address + (nint)targetOffset, source.Address + (nint)sourceOffset, (nuint)bytes, _handle), "copy", target.Purpose);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _ = Driver.ContextSetCurrent(_device.Context);
        _ = Driver.StreamSynchronize(_handle);
        _graphs.Dispose();
        _copies.Dispose();
        _ = Driver.StreamDestroy(_handle);
    }

    /// <summary>Hands everything collected to the driver.</summary>
    public void Submit()
    {
        lock (_handing)
            Submit(_pending.Count);
    }

    /// <summary>Hands over what was enqueued before an event was recorded, then the event, then the rest.</summary>
    public void Reach(CudaEvent awaited)
    {
        _device.MakeCurrent();
        lock (_handing)
        {
            if (!awaited.IsRecorded)
            {
                Submit(Math.Clamp((int)(awaited.Position - (_enqueued - _pending.Count)), 0, _pending.Count));
                RecordNow(awaited);
            }

            Submit(_pending.Count);
        }
    }

    /// <summary>Throws unless a call succeeded.</summary>
    public void Check(CudaResult result, string operation, string subject) => result.ThrowIfFailed(operation, subject, Device.ToString());

    private static bool Within(DeviceBuffer buffer, long offset, long bytes) => offset >= 0 && bytes >= 0 && offset <= buffer.Length - bytes;

    private static CudaStep AsCudaStep(PlannedStep planned, IStep bound) => bound as CudaStep
        ?? throw new PlanningException(planned.Node.Operation.Name, planned.Node.Label, planned.Device.ToString(), $"the kernel {planned.Kernel?.GetType().Name} does not make CUDA steps");

    private static RunSize Rounded(RunSize size) => size with
    {
        Pages = 0,
        Context = Math.Max(ShortestContext, (int)Math.Min(int.MaxValue, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)size.Context))),
    };

    private static void ThrowUnlessWithin(DeviceBuffer buffer, long offset, long bytes)
    {
        if (!Within(buffer, offset, bytes))
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{bytes} bytes from there on do not lie within the {buffer.Length} bytes of '{buffer.Purpose}'");
    }

    // Not collected: it follows a wait, so that little is collected before it, and graphs stay on one device.
    private void CopyFromPeer(PlannedStep step, CudaDevice owner, DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes)
    {
        RequireWithin(step, source, sourceOffset, target, targetOffset, bytes);
        if (bytes == 0)
            return;
        _device.Reach(owner);
        lock (_handing)
        {
            Submit(_pending.Count);
            _device.MakeCurrent();
            _latest = step.Node.Label;
            Check(Driver.CopyFromPeer(target.Address + (nint)targetOffset, _device.Context, source.Address + (nint)sourceOffset, owner.Context, (nuint)bytes, _handle), "copy", step.Node.Label);
        }
    }

    private void RequireWithin(PlannedStep step, DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes)
    {
        if (!Within(source, sourceOffset, bytes) || !Within(target, targetOffset, bytes))
            throw Refusal(step, $"{bytes} bytes do not lie within '{source.Purpose}' from byte {sourceOffset} on and '{target.Purpose}' from byte {targetOffset} on");
    }

    private DeviceException Refusal(PlannedStep step, string reason) => new(step.Node.Operation.Name, step.Node.Label, Device.ToString(), reason);

    private void Add(Command command)
    {
        lock (_handing)
        {
            _pending.Add(command);
            _enqueued++;
        }
    }

    private void Submit(int count)
    {
        if (count == 0)
            return;
        _device.MakeCurrent();
        Span<Command> commands = CollectionsMarshal.AsSpan(_pending)[..count];
        try
        {
            if (UsesGraphs && IsRepeatable(commands))
                _graphs.Run(commands, _launch);
            else
                LaunchAll(commands);
        }
        catch
        {
            // What follows belongs to a run that has failed.
            _pending.Clear();
            throw;
        }

        _pending.RemoveRange(0, count);
    }

    private void RecordNow(CudaEvent recorded)
    {
        _device.MakeCurrent();
        Check(Driver.EventRecord(recorded.Handle, _handle), "record", "an event");
        recorded.IsRecorded = true;
    }

    private static bool IsRepeatable(ReadOnlySpan<Command> commands)
    {
        bool computes = false;
        foreach (Command command in commands)
        {
            computes |= command.Program is not null;
            if (command.Size.Tokens > MostTokensOfGraphs)
                return false;
        }

        return computes;
    }

    private void LaunchAll(ReadOnlySpan<Command> commands)
    {
        foreach (Command command in commands)
            Launch(command);
    }

    private void Launch(Command command)
    {
        _latest = command.Name;
        if (command.Program is { } program)
            program.Launch(_stream, command.Size);
        else if (command.Up)
            Check(Driver.CopyToDevice(command.Target, command.Source, (nuint)command.Bytes, _handle), "copy", _latest);
        else
            Check(Driver.CopyToHost(command.Target, command.Source, (nuint)command.Bytes, _handle), "copy", _latest);
    }
}
