using Moe.Inference.Execution;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing;

/// <summary>
/// A device that exists in this process only: own memory of a given size, own queues on own threads, the CPU's kernels. It computes the same
/// bits as the CPU does, and is strict where a real device crashes or returns garbage: memory may be touched only by work on its queues, is
/// NaN until it is written, and lies between guards. It can be slowed down at random and told to fail. Thread-safe.
/// </summary>
public sealed class SimulatedDevice : IDeviceProvider
{
    /// <summary>The kind of simulated devices unless options say otherwise.</summary>
    public const string DefaultKind = "SIM";

    [ThreadStatic]
    private static SimulatedDevice? _working;

    private readonly Lock _lock = new();
    private readonly HashSet<SimulatedBuffer> _buffers = [];
    private readonly FailureSchedule _failures = new();
    private volatile DeviceException? _loss;
    private long _liveBytes;
    private int _opened;
    private int _liveBackends;
    private long _uploaded;
    private long _downloaded;
    private long _received;
    private long _transfers;
    private long _launches;

    /// <summary>Creates a device.</summary>
    /// <param name="index">Its number among devices of its kind, from 0.</param>
    /// <param name="options">How it behaves; null for unlimited memory and no pauses.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public SimulatedDevice(int index = 0, SimulatedDeviceOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        Options = options ?? new SimulatedDeviceOptions();
        Options.Validate();
        Device = new Device(Options.Kind, index);
    }

    /// <inheritdoc/>
    public Device Device { get; }

    /// <summary>How it behaves.</summary>
    public SimulatedDeviceOptions Options { get; }

    /// <inheritdoc/>
    public long? MemoryBytes => Options.Capacity == long.MaxValue ? null : Options.Capacity;

    /// <summary>Bytes allocated now.</summary>
    public long LiveBytes => Interlocked.Read(ref _liveBytes);

    /// <summary>Buffers allocated now.</summary>
    public int LiveBuffers
    {
        get
        {
            lock (_lock)
                return _buffers.Count;
        }
    }

    /// <summary>Queues open now; each has a thread.</summary>
    public int LiveBackends => Volatile.Read(ref _liveBackends);

    /// <summary>Bytes copied from the host so far, weights included.</summary>
    public long UploadedBytes => Interlocked.Read(ref _uploaded);

    /// <summary>Bytes copied to the host so far, logits included.</summary>
    public long DownloadedBytes => Interlocked.Read(ref _downloaded);

    /// <summary>Bytes copied from other devices directly so far.</summary>
    public long PeerBytes => Interlocked.Read(ref _received);

    /// <summary>Copies carried out so far, also those within the device.</summary>
    public long Transfers => Interlocked.Read(ref _transfers);

    /// <summary>Kernels started so far.</summary>
    public long Launches => Interlocked.Read(ref _launches);

    /// <summary>Whether the device was lost; make another one to go on.</summary>
    public bool IsLost => _loss is not null;

    /// <summary>The device that this thread works for, or null.</summary>
    internal static SimulatedDevice? Working => _working;

    /// <summary>What everything fails with once the device is lost.</summary>
    internal DeviceException? Loss => _loss;

    /// <summary>Lets something fail. The failure is told where somebody waits for the queue; after that the queue is usable again, unless the device is lost.</summary>
    /// <param name="failure">What fails.</param>
    /// <param name="after">How many still succeed: allocations, copies, kernels, or, for the loss of the device, copies and kernels together.</param>
    public void FailNext(SimulatedFailure failure, int after = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(after);
        if (!Enum.IsDefined(failure))
            throw new ArgumentOutOfRangeException(nameof(failure), failure, "unknown failure");
        _failures.Plan(failure, after);
    }

    /// <inheritdoc/>
    public bool CanCopyFrom(Device other) => Options.CopiesFromPeers && other.Kind == Device.Kind && other != Device;

    /// <inheritdoc/>
    public void RegisterKernels(OpRegistry registry)
    {
        ArgumentNullException.ThrowIfNull(registry);
        foreach (IKernel kernel in Context.CreateRegistry().Kernels)
            registry.Register(new SimulatedKernel(kernel, Options));
    }

    /// <inheritdoc/>
    /// <exception cref="DeviceException">The device is lost.</exception>
    public IBackend Open()
    {
        ThrowIfLost();
        Interlocked.Increment(ref _liveBackends);
        return new SimulatedBackend(this, Interlocked.Increment(ref _opened));
    }

    /// <summary>Marks this thread as working for the device until the scope is disposed.</summary>
    internal Scope Enter()
    {
        Scope scope = new(_working);
        _working = this;
        return scope;
    }

    internal void ThrowIfLost()
    {
        if (_loss is { } loss)
            throw new DeviceException(loss.Operation, loss.Tensor, loss.Device, "the device was lost", 0, loss) { DeviceLost = true };
    }

    internal SimulatedBuffer Allocate(long bytes, string purpose)
    {
        ThrowIfLost();
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        lock (_lock)
        {
            long free = Options.Capacity - _liveBytes;
            if (bytes > free || _failures.Strikes(SimulatedFailure.Allocation))
                throw new OutOfDeviceMemoryException(Device.ToString(), bytes, free, purpose);
            SimulatedBuffer buffer = new(this, bytes, Options.GuardBytes, purpose);
            _buffers.Add(buffer);
            Interlocked.Add(ref _liveBytes, bytes);
            return buffer;
        }
    }

    internal void Forget(SimulatedBuffer buffer)
    {
        lock (_lock)
        {
            if (_buffers.Remove(buffer))
                Interlocked.Add(ref _liveBytes, -buffer.Length);
        }
    }

    internal void Closed() => Interlocked.Decrement(ref _liveBackends);

    /// <summary>The first buffer whose guards were written, as an exception, or null.</summary>
    internal DeviceException? CheckGuards()
    {
        lock (_lock)
        {
            foreach (SimulatedBuffer buffer in _buffers)
            {
                if (buffer.CheckGuards() is { } violation)
                    return violation;
            }
        }

        return null;
    }

    internal void BeforeLaunch(PlannedStep step)
    {
        Strike(SimulatedFailure.Launch, step.Node.Operation.Name, step.Node.Label);
        Interlocked.Increment(ref _launches);
    }

    internal void BeforeTransfer(string operation, string tensor, long uploaded, long downloaded)
    {
        Strike(SimulatedFailure.Transfer, operation, tensor);
        Interlocked.Increment(ref _transfers);
        Interlocked.Add(ref _uploaded, uploaded);
        Interlocked.Add(ref _downloaded, downloaded);
    }

    internal void BeforePeerTransfer(string operation, string tensor, long received)
    {
        BeforeTransfer(operation, tensor, 0, 0);
        Interlocked.Add(ref _received, received);
    }

    private void Strike(SimulatedFailure failure, string operation, string tensor)
    {
        bool lost = _failures.Strikes(SimulatedFailure.DeviceLost);
        if (!lost && !_failures.Strikes(failure))
            return;
        DeviceException problem = new(operation, tensor, Device.ToString(), lost ? "the device was lost" : $"the {(failure == SimulatedFailure.Launch ? "launch" : "transfer")} was told to fail") { DeviceLost = lost };
        if (lost)
            _loss = problem;
        throw problem;
    }

    /// <summary>The span of time in which a thread works for a device.</summary>
    internal readonly struct Scope(SimulatedDevice? before) : IDisposable
    {
        public void Dispose() => _working = before;
    }
}
