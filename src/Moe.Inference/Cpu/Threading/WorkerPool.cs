namespace Moe.Inference.Cpu.Threading;

/// <summary>Work that every thread of a pool takes part in.</summary>
internal interface IPoolJob
{
    /// <summary>Called once on each thread; must not throw.</summary>
    /// <param name="worker">The thread's number; 0 is the caller of <see cref="WorkerPool.Run"/>.</param>
    void Execute(int worker);
}

/// <summary>
/// A fixed set of threads that work together on one job at a time. The caller of <see cref="Run"/> is one of them. Idle threads spin for a
/// moment, as the next token usually follows at once, and then sleep.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    private const int IdleSpins = 3000;
    private readonly Thread[] _threads;
    private readonly Lock _startLock = new();
    private readonly SemaphoreSlim[] _wake;
    private readonly int[] _sleeping;
    private readonly SpinBarrier _end;
    private IPoolJob? _job;
    private int _epoch;
    private bool _stopped;

    /// <summary>Starts the threads.</summary>
    /// <param name="threads">Threads that take part, the caller included; at least 1.</param>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        _end = new SpinBarrier(threads);
        _wake = [.. Enumerable.Range(0, threads).Select(_ => new SemaphoreSlim(0))];
        _sleeping = new int[threads];
        _threads = new Thread[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _threads[i] = new Thread(() => Work(worker)) { IsBackground = true, Name = $"moe-worker-{worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Threads that take part, the caller included.</summary>
    public int Threads { get; }

    /// <summary>Runs a job on all threads and returns when all are done.</summary>
    public void Run(IPoolJob job)
    {
        lock (_startLock)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            Publish(job);
            job.Execute(0);
            _end.Wait();
            _job = null;
        }
    }

    /// <summary>Ends the threads; waits for a running job.</summary>
    public void Dispose()
    {
        lock (_startLock)
        {
            if (_stopped)
                return;
            _stopped = true;
            Publish(null);
        }

        foreach (Thread thread in _threads)
            thread.Join();
        foreach (SemaphoreSlim wake in _wake)
            wake.Dispose();
    }

    private void Publish(IPoolJob? job)
    {
        _job = job;
        // A full fence between the new epoch and the look at sleepers: a worker does the same in reverse order, so one of them sees the other.
        Interlocked.Increment(ref _epoch);
        for (int worker = 1; worker < Threads; worker++)
        {
            if (Interlocked.Exchange(ref _sleeping[worker], 0) == 1)
                _wake[worker].Release();
        }
    }

    private void Work(int worker)
    {
        int seen = 0;
        while (true)
        {
            seen = AwaitEpoch(worker, seen);
            IPoolJob? job = _job;
            if (job is null)
                return;
            job.Execute(worker);
            _end.Wait();
        }
    }

    private int AwaitEpoch(int worker, int seen)
    {
        for (int spin = 0; spin < IdleSpins; spin++)
        {
            int epoch = Volatile.Read(ref _epoch);
            if (epoch != seen)
                return epoch;
            Thread.SpinWait(8);
        }

        Interlocked.Exchange(ref _sleeping[worker], 1);
        int now = Volatile.Read(ref _epoch);
        // Whoever takes the mark back decides: if the publisher did, its release must be consumed.
        if (now != seen && Interlocked.Exchange(ref _sleeping[worker], 0) == 1)
            return now;
        _wake[worker].Wait();
        return Volatile.Read(ref _epoch);
    }
}
