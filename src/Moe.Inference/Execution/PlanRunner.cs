using System.Runtime.InteropServices;
using Moe.Inference.Execution.Validation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>A plan bound to memory: owns the arenas, runs micro-batches over all devices. Used by one thread at a time.</summary>
public sealed class PlanRunner : IDisposable
{
    private const string Arena = "compute arena";

    private readonly ExecutionPlan _plan;
    private readonly Dictionary<DeviceQueue, IBackend> _queues = [];
    private readonly Dictionary<Device, DeviceBuffer> _arenas = [];
    private readonly List<IRunnerAction> _actions = [];
    private readonly List<IDisposable> _owned = [];

    // Where the logits of a run, and the greatest of them, arrive with it, if the device that computes them can bring them to the host so.
    private readonly DeviceBuffer? _arrived;
    private readonly DeviceBuffer? _arrivedTop;
    private float[]? _row;
    private float[]? _topRow;
    private bool _bringsLogits = true;

    /// <summary>Allocates the plan's arenas and binds its kernels.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="backends">The devices it names, the host among them. A second one of a device sends weights while the first computes.</param>
    /// <param name="weights">Where a tensor of the model lies on a device.</param>
    /// <param name="kv">Where a layer's key/value memory lies.</param>
    /// <exception cref="PlanningException">A device that the plan names is not among the backends.</exception>
    /// <exception cref="OutOfDeviceMemoryException">An arena does not fit.</exception>
    public PlanRunner(ExecutionPlan plan, IReadOnlyList<IBackend> backends, Func<Weight, Device, TensorView> weights, Func<KvLayer, KvLayerView> kv)
        : this(plan, backends, weights, kv, null, null)
    {
    }

    /// <summary>The same, with every step checked if settings are given, or timed if there is a timer.</summary>
    internal PlanRunner(
        ExecutionPlan plan, IReadOnlyList<IBackend> backends, Func<Weight, Device, TensorView> weights, Func<KvLayer, KvLayerView> kv, ValidationSettings? validation, StepTimer? timer)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(backends);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(kv);
        _plan = plan;
        WaitsAtEnd = validation is null && timer is null && plan.Steps.Any(step => !step.Device.IsCpu) && plan.Steps.All(step => !step.IsStaging && (!step.Device.IsCpu || step.Waits.Count == 0));
        foreach (IBackend backend in backends)
            _queues.Add(new DeviceQueue(backend.Device, Sends: _queues.ContainsKey(new DeviceQueue(backend.Device))), backend);
        try
        {
            foreach ((Device device, long bytes) in plan.ArenaBytes)
                _arenas.Add(device, (device.IsCpu ? AllocateHost(bytes) : null) ?? BackendOf(device).Allocate(bytes, Arena));
            ArenaSlot logits = plan.Values[plan.Graph.Logits.Id];
            _arrived = logits.Device.IsCpu ? null : BackendOf(logits.Device).AllocateHost(logits.Bytes, "logits");
            if (plan.TopLogits is { } top)
                _arrivedTop = BackendOf(logits.Device).AllocateHost(plan.Values[top.Id].Bytes, "the greatest logits");
            new RunnerBuilder(new PlanMemory(plan, QueueOf, device => _arenas[device], weights, kv), validation, timer).Build(_actions, _owned);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The plan.</summary>
    public ExecutionPlan Plan => _plan;

    /// <summary>Fills one of the graph's inputs, from its first row.</summary>
    public void SetInput(GraphValue input, ReadOnlySpan<int> data)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArenaSlot slot = _plan.Values[input.Id];
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(data);
        if (bytes.Length > slot.Bytes)
            throw new ArgumentException($"'{input.Name}' holds {slot.Bytes} bytes, not {bytes.Length}", nameof(data));
        BackendOf(slot.Device).Write(_arenas[slot.Device], slot.Offset, bytes);
    }

    /// <summary>Runs one micro-batch and waits for all devices.</summary>
    /// <param name="size">The numbers behind the symbols of this run, none above the plan's limits.</param>
    /// <param name="cancellation">Stops between steps; the values are then undefined.</param>
    /// <exception cref="DeviceException">A step failed; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The run was stopped.</exception>
    public void Run(RunSize size, CancellationToken cancellation = default) => Run(size, bringsLogits: true, null, cancellation);

    /// <summary>The same, with more to say.</summary>
    /// <param name="size">The numbers behind the symbols of this run.</param>
    /// <param name="bringsLogits">Whether all logits are wanted on the host; if not, those that are asked for come one row at a time.</param>
    /// <param name="meanwhile">What to do while devices are at work.</param>
    /// <param name="cancellation">Stops between steps.</param>
    internal void Run(RunSize size, bool bringsLogits, Action? meanwhile, CancellationToken cancellation)
    {
        RunSize limits = _plan.Request.Limits;
        if (size.Tokens < 1 || size.Tokens > limits.Tokens || size.Outputs < 0 || size.Outputs > limits.Outputs || size.Pages > limits.Pages || size.Context > limits.Context)
            throw new ArgumentOutOfRangeException(nameof(size), size, $"the plan was made for at the most {limits}");
        _bringsLogits = bringsLogits;
        try
        {
            foreach (IRunnerAction action in _actions)
                action.Run(size, cancellation);
            if (bringsLogits)
                Bring(_plan.Graph.Logits, _arrived, size.Outputs);
            if (_plan.TopLogits is { } top)
                Bring(top, _arrivedTop, size.Outputs);
            if (meanwhile is null)
                return;
            foreach (IBackend backend in _queues.Values)
                backend.Flush();
            meanwhile();
        }
        finally
        {
            SynchronizeAll();
        }
    }

    /// <summary>Copies rows of the logits to the host.</summary>
    /// <param name="row">First row.</param>
    /// <param name="destination">A whole number of rows.</param>
    public void ReadLogits(int row, Span<float> destination)
    {
        int width = _plan.Graph.Logits.Width;
        for (int done = 0; done < destination.Length; done += width)
            Logits(row + (done / width))[..Math.Min(width, destination.Length - done)].CopyTo(destination[done..]);
    }

    /// <summary>Whether a run hands out all its work without waiting, and then waits for the devices.</summary>
    internal bool WaitsAtEnd { get; }

    /// <summary>Whether all logits of a run are on the host until the next run, so that several threads may look at them.</summary>
    internal bool KeepsLogits => (_arrived is not null && _bringsLogits) || _plan.Values[_plan.Graph.Logits.Id].Device.IsCpu;

    /// <summary>How many of the greatest logits of each row the device finds; 0 where there is only the whole row.</summary>
    internal int TopCount => _plan.TopLogits is { } top ? TopLogitsOp.CountOf(top) : 0;

    /// <summary>A row of the logits on the host, valid until the next call or run.</summary>
    /// <param name="row">The row, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The row lies beyond the logits.</exception>
    internal ReadOnlySpan<float> Logits(int row) => Row(_plan.Graph.Logits, row, _bringsLogits ? _arrived : null, ref _row);

    /// <summary>The result of <see cref="TopLogitsOp"/> for a row of the logits, valid until the next call or run; empty where there is none.</summary>
    /// <inheritdoc cref="Logits" path="/param"/>
    /// <inheritdoc cref="Logits" path="/exception"/>
    internal ReadOnlySpan<float> TopLogits(int row) => _plan.TopLogits is { } top ? Row(top, row, _arrivedTop, ref _topRow) : [];

    /// <summary>Gives the arenas back.</summary>
    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
            owned.Dispose();
        foreach (DeviceBuffer arena in _arenas.Values)
            arena.Dispose();
        _arrived?.Dispose();
        _arrivedTop?.Dispose();
        _owned.Clear();
        _arenas.Clear();
    }

    // What crosses between the host and a device lies in the host's arena.
    private DeviceBuffer? AllocateHost(long bytes) => _queues.Values.Select(backend => backend.AllocateHost(bytes, Arena)).FirstOrDefault(buffer => buffer is not null);

    private void Bring(GraphValue value, DeviceBuffer? target, int rows)
    {
        if (target is null || rows == 0)
            return;
        ArenaSlot slot = _plan.Values[value.Id];
        BackendOf(slot.Device).EnqueueTransfer(_plan.Steps[^1], _arenas[slot.Device], slot.Offset, target, 0, (long)rows * value.Width * sizeof(float));
    }

    private unsafe ReadOnlySpan<float> Row(GraphValue value, int row, DeviceBuffer? arrived, ref float[]? room)
    {
        ArenaSlot slot = _plan.Values[value.Id];
        long bytes = (long)value.Width * sizeof(float);
        long offset = row * bytes;
        if (row < 0 || offset + bytes > slot.Bytes)
            throw new ArgumentOutOfRangeException(nameof(row), row, "the row lies beyond the logits");
        if (slot.Device.IsCpu)
            return new ReadOnlySpan<float>((byte*)_arenas[slot.Device].Address + slot.Offset + offset, value.Width);
        if (arrived is not null)
            return new ReadOnlySpan<float>((byte*)arrived.Address + offset, value.Width);
        room ??= new float[value.Width];
        BackendOf(slot.Device).Read(_arenas[slot.Device], slot.Offset + offset, MemoryMarshal.AsBytes(room.AsSpan()));
        return room;
    }

    // Whatever happened, no device may still be at work when the next run begins; the first failure is the one to tell.
    private void SynchronizeAll()
    {
        Exception? first = null;
        foreach (IBackend backend in _queues.Values)
        {
            try
            {
                backend.Synchronize();
            }
            catch (Exception failure) when (failure is DeviceException or OperationCanceledException)
            {
                first ??= failure;
            }
        }

        if (first is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
    }

    private IBackend BackendOf(Device device) => QueueOf(new DeviceQueue(device));

    // Without a queue of its own, what is sent is sent by the one that computes.
    private IBackend QueueOf(DeviceQueue queue) => _queues.TryGetValue(queue, out IBackend? backend) || _queues.TryGetValue(queue with { Sends = false }, out backend)
        ? backend
        : throw new PlanningException("", "arena", queue.Device.ToString(), $"there is no such device; there are {string.Join(", ", _queues.Keys)}");
}
