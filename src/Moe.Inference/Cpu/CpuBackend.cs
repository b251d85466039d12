using Moe.Inference.Cpu.Threading;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu;

/// <summary>The host processor as a device: host memory and a pool of threads.</summary>
internal sealed unsafe class CpuBackend : IBackend
{
    private readonly WorkerPool _pool;
    private readonly ThreadCounts _threads;
    private readonly int[]? _processors;
    private readonly MemoryInterleave? _interleave;
    private string? _refusal;

    public CpuBackend(int threads)
        : this(new ThreadCounts(threads, threads), null, null)
    {
    }

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">How many.</param>
    /// <param name="processors">The processor of each, or null where they float.</param>
    /// <param name="interleave">How its memory is spread, or null for not at all.</param>
    public CpuBackend(ThreadCounts threads, int[]? processors, MemoryInterleave? interleave)
    {
        (_threads, _processors, _interleave) = (threads, processors, interleave);
        _pool = new WorkerPool(threads.Most);
        if (processors is not null)
            _pool.Run(new SettleWorkers(this));
    }

    public Device Device => Device.Cpu;

    public string Description => string.Join(
        ", ", [.. DescribeThreads(), $"{Simd.CpuFeatures.Current}", .. Jit.JitTiles.Dropped.Select(dropped => $"no {dropped.Key}: {dropped.Value}")]);

    /// <summary>Called on the thread that will run programs, for which it takes part as the first.</summary>
    public void SettleCaller() => Settle(0);

    public DeviceBuffer Allocate(long bytes, string purpose) => new HostBuffer(bytes, purpose, _interleave);

    public IDeviceProgram Compile(IReadOnlyList<(PlannedStep Planned, IStep Bound)> steps) =>
        new CpuProgram(_pool, _threads, [.. steps.Select(step => (step.Planned, AsCpuStep(step.Planned, step.Bound)))]);

    public IStep Bind(IKernel kernel, KernelBinding binding) => kernel.Bind(binding);

    public IDeviceEvent CreateEvent() => new HostEvent();

    public void Enqueue(IDeviceProgram program, RunSize size, CancellationToken cancellation) => ((CpuProgram)program).Run(size, cancellation);

    public void EnqueueTransfer(PlannedStep step, DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes) =>
        throw new NotSupportedException("the other device carries transfers out");

    public void Record(IDeviceEvent recorded)
    {
    }

    public void Wait(IDeviceEvent awaited) => awaited.WaitOnHost();

    public void Synchronize()
    {
    }

    public void Write(DeviceBuffer target, long offset, ReadOnlySpan<byte> data) => data.CopyTo(Bytes(target, offset, data.Length));

    public void Read(DeviceBuffer source, long offset, Span<byte> data) => Bytes(source, offset, data.Length).CopyTo(data);

    public void Copy(DeviceBuffer source, long sourceOffset, DeviceBuffer target, long targetOffset, long bytes) =>
        Bytes(source, sourceOffset, checked((int)bytes)).CopyTo(Bytes(target, targetOffset, checked((int)bytes)));

    public void Dispose() => _pool.Dispose();

    private void Settle(int worker)
    {
        if (_processors is not null && ThreadPinning.Pin(_processors[worker]) is { } refusal)
            _refusal = $"not bound to processor {_processors[worker]}: {refusal}";
    }

    private IEnumerable<string> DescribeThreads()
    {
        yield return _threads.Generation == _threads.Prompts ? $"{_threads.Most} threads" : $"{_threads.Generation} threads, {_threads.Prompts} for prompts";
        if (_processors is not null)
            yield return _refusal ?? $"bound to processors {ProcessorList.Text(_processors)}";
        if (_interleave is not null)
            yield return _interleave.ToString();
    }

    private static Span<byte> Bytes(DeviceBuffer buffer, long offset, int length)
    {
        if (offset < 0 || offset + length > buffer.Length)
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"{length} bytes do not fit the buffer's {buffer.Length}");
        return new Span<byte>((byte*)buffer.Address + offset, length);
    }

    private static CpuStep AsCpuStep(PlannedStep planned, IStep bound) => bound as CpuStep
        ?? throw new PlanningException(planned.Node.Operation.Name, planned.Node.Label, planned.Device.ToString(), $"the kernel {planned.Kernel?.GetType().Name} does not make CPU steps");

    /// <summary>Binds all threads of the pool but the one that makes the backend.</summary>
    private sealed class SettleWorkers(CpuBackend backend) : IPoolJob
    {
        public void Execute(int worker)
        {
            if (worker > 0)
                backend.Settle(worker);
        }
    }

    /// <summary>The host runs everything before it returns, so its events have always happened.</summary>
    private sealed class HostEvent : IDeviceEvent
    {
        public void WaitOnHost()
        {
        }

        public void Dispose()
        {
        }
    }
}
