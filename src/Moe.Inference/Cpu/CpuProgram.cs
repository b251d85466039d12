using Moe.Inference.Cpu.Threading;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Planning;

namespace Moe.Inference.Cpu;

/// <summary>
/// Runs steps stage by stage: all threads take items of a stage's first phases, meet at a barrier, go on to the second phases, and so on.
/// One dispatch runs the whole program.
/// </summary>
internal sealed class CpuProgram : IDeviceProgram, IPoolJob
{
    private readonly WorkerPool _pool;
    private readonly SpinBarrier _barrier;
    private readonly Entry[] _entries;
    private readonly (int Start, int End)[] _rounds;
    private readonly PaddedCounter[] _taken;
    private RunSize _size;
    private CancellationToken _cancellation;
    private volatile bool _stop;
    private DeviceException? _failure;

    public CpuProgram(WorkerPool pool, IReadOnlyList<(PlannedStep Planned, CpuStep Step)> steps)
    {
        _pool = pool;
        _barrier = new SpinBarrier(pool.Threads);
        List<Entry> entries = [];
        List<(int, int)> rounds = [];
        foreach (IGrouping<int, (PlannedStep Planned, CpuStep Step)> stage in steps.GroupBy(step => step.Planned.Stage))
        {
            int phases = stage.Max(step => step.Step.Phases);
            for (int phase = 0; phase < phases; phase++)
            {
                int start = entries.Count;
                entries.AddRange(stage.Where(step => phase < step.Step.Phases).Select(step => new Entry(step.Planned, step.Step, phase)));
                rounds.Add((start, entries.Count));
            }
        }

        _entries = [.. entries];
        _rounds = [.. rounds];
        _taken = new PaddedCounter[_entries.Length];
    }

    /// <summary>Runs all steps.</summary>
    /// <exception cref="DeviceException">A step failed; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The run was stopped.</exception>
    public void Run(RunSize size, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        for (int i = 0; i < _taken.Length; i++)
            _taken[i].Value = 0;
        (_size, _cancellation, _stop, _failure) = (size, cancellation, false, null);
        _pool.Run(this);
        if (_failure is not null)
            throw _failure;
        if (_stop)
            throw new OperationCanceledException(cancellation);
    }

    public void Execute(int worker)
    {
        foreach ((int start, int end) in _rounds)
        {
            for (int i = start; i < end; i++)
                TakeItems(ref _entries[i], ref _taken[i], worker);
            bool stop = _stop || (worker == 0 && _cancellation.IsCancellationRequested);
            if (_barrier.Wait(stop))
            {
                _stop = true;
                break;
            }
        }
    }

    public void Dispose()
    {
    }

    private void TakeItems(ref Entry entry, ref PaddedCounter taken, int worker)
    {
        int items = entry.Step.Items(entry.Phase, _size);
        try
        {
            for (int item; !_stop && (item = Interlocked.Increment(ref taken.Value) - 1) < items;)
                entry.Step.Run(entry.Phase, item, _size, worker);
        }
#pragma warning disable CA1031 // A worker must reach the barrier whatever happens; the failure goes to the caller.
        catch (Exception problem)
#pragma warning restore CA1031
        {
            Fail(entry.Planned, problem);
        }
    }

    private void Fail(PlannedStep step, Exception problem)
    {
        DeviceException failure = problem as DeviceException
            ?? new DeviceException(step.Node.Operation.Name, step.Node.Label, step.Device.ToString(), problem.Message, 0, problem);
        Interlocked.CompareExchange(ref _failure, failure, null);
        _stop = true;
    }

    private readonly record struct Entry(PlannedStep Planned, CpuStep Step, int Phase);
}
