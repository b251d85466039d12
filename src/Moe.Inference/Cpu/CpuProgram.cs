using Moe.Inference.Cpu.Threading;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Planning;

namespace Moe.Inference.Cpu;

/// <summary>
/// Runs steps stage by stage: all threads take items of a stage's first phases, meet at a barrier, go on to the second phases, and so on.
/// One dispatch runs the whole program, on as many of the pool's threads as a run of its size wants. Each thread has its own stretch of a round's items, so that it reads neighbouring weights one after
/// the other, and helps others when it is done.
/// </summary>
internal sealed class CpuProgram : IDeviceProgram, IPoolJob
{
    // While one set is in use, each thread clears its counter of the next; nobody can still be at work with that one.
    private const int CounterSets = 3;
    private const int MostHelped = 8;
    // Keeps the threads' counts off each other's cache lines.
    private const int CounterPadding = 32;
    private readonly WorkerPool _pool;
    private readonly ThreadCounts _threadCounts;
    private readonly SpinBarrier _barrier;
    private readonly Entry[] _entries;
    private readonly (int Start, int End)[] _rounds;
    private readonly PaddedCounter[] _taken;
    private readonly int[][] _counts;
    private readonly bool[] _brief;
    private int _threads;
    private RunSize _size;
    private CancellationToken _cancellation;
    private volatile bool _stop;
    private DeviceException? _failure;

    public CpuProgram(WorkerPool pool, ThreadCounts threadCounts, IReadOnlyList<(PlannedStep Planned, CpuStep Step)> steps)
    {
        (_pool, _threadCounts) = (pool, threadCounts);
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
        _brief = new bool[_rounds.Length];
        _taken = new PaddedCounter[CounterSets * pool.Threads];
        int longest = _rounds.Length == 0 ? 0 : _rounds.Max(round => round.End - round.Start);
        _counts = [.. Enumerable.Range(0, pool.Threads).Select(_ => new int[longest + CounterPadding])];
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
        _threads = _barrier.Participants = _threadCounts.For(size);
        bool brief = true;
        for (int round = 0; round < _rounds.Length; round++)
            brief &= _brief[round] = IsBrief(round);
        if (brief)
            RunBrief();
        else
            _pool.Run(this, _threads);
        if (_failure is not null)
            throw _failure;
        if (_stop)
            throw new OperationCanceledException(cancellation);
    }

    public void Execute(int worker)
    {
        for (int round = 0; round < _rounds.Length; round++)
        {
            Counter(round + 1, worker).Value = 0;
            if (!_brief[round])
                TakeItems(round, worker);
            else if (worker == 0)
                RunAll(round);
            // The next brief round is for the same worker.
            if (_brief[round] && round + 1 < _rounds.Length && _brief[round + 1])
                continue;
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

    // Waking the other threads would take longer than the work.
    private void RunBrief()
    {
        for (int round = 0; round < _rounds.Length && !_stop; round++)
        {
            RunAll(round);
            _stop |= _cancellation.IsCancellationRequested;
        }
    }

    private ref PaddedCounter Counter(int round, int worker) => ref _taken[(round % CounterSets * _threads) + worker];

    private bool IsBrief(int round)
    {
        (int start, int end) = _rounds[round];
        for (int i = start; i < end; i++)
        {
            if (!_entries[i].Step.IsBrief(_entries[i].Phase, _size))
                return false;
        }

        return true;
    }

    private int CountItems(int round, int[] counts)
    {
        (int start, int end) = _rounds[round];
        int total = 0;
        for (int i = start; i < end; i++)
            total += counts[i - start] = _entries[i].Step.Items(_entries[i].Phase, _size);
        return total;
    }

    private void RunAll(int round)
    {
        int total = CountItems(round, _counts[0]);
        for (int item = 0; item < total && !_stop; item++)
            RunItem(_rounds[round].Start, _counts[0], item, 0);
    }

    // The own stretch first, then what is left of the next threads' ones.
    private void TakeItems(int round, int worker)
    {
        int[] counts = _counts[worker];
        int total = CountItems(round, counts), threads = _threads;
        for (int helped = 0; helped < Math.Min(threads, MostHelped); helped++)
        {
            int owner = (worker + helped) % threads;
            int first = StretchStart(total, owner, threads), length = StretchStart(total, owner + 1, threads) - first;
            ref int taken = ref Counter(round, owner).Value;
            while (Volatile.Read(ref taken) < length)
            {
                int item = Interlocked.Increment(ref taken) - 1;
                if (item < length && !_stop)
                    RunItem(_rounds[round].Start, counts, first + item, worker);
            }
        }
    }

    private static int StretchStart(int total, int worker, int threads) => (int)((((long)total * worker) + threads - 1) / threads);

    private void RunItem(int entry, int[] counts, int item, int worker)
    {
        for (int i = 0; item >= counts[i]; i++, entry++)
            item -= counts[i];
        ref Entry run = ref _entries[entry];
        try
        {
            run.Step.Run(run.Phase, item, _size, worker);
        }
#pragma warning disable CA1031 // A worker must reach the barrier whatever happens; the failure goes to the caller.
        catch (Exception problem)
#pragma warning restore CA1031
        {
            Fail(run.Planned, problem);
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
