namespace Moe.Inference.Cpu.Threading;

/// <summary>Work that every thread of a pool takes part in.</summary>
internal interface IPoolJob
{
    /// <summary>Called once on each thread; must not throw.</summary>
    /// <param name="worker">The thread's number; 0 is the caller of <see cref="WorkerPool.Run(IPoolJob, int)"/>.</param>
    void Execute(int worker);
}

/// <summary>
/// A fixed set of threads that work together on one job at a time. The caller of <see cref="Run(IPoolJob, int)"/> is one of them. Idle threads stay awake
/// for a moment, as the next token usually follows at once, and then sleep. A job may want only the first of them; the others sleep on.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    private const int IdleSpins = 300;
    private const int IdleYields = 3000;
    private readonly Thread[] _threads;
    private readonly Lock _startLock = new();
    private readonly SemaphoreSlim[] _wake;
    private readonly int[] _sleeping;
    private readonly SpinBarrier _end;
    private readonly PaddedCounter[] _epochs;
    private IPoolJob? _job;
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
        _epochs = new PaddedCounter[threads];
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
    public void Run(IPoolJob job) => Run(job, Threads);

    /// <summary>Runs a job on the first threads and returns when they are done.</summary>
    /// <param name="job">The job.</param>
    /// <param name="threads">How many of the pool's threads take part, the caller included; at least 1.</param>
    public void Run(IPoolJob job, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, Threads);
        lock (_startLock)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            _end.Participants = threads;
            Publish(job, threads);
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
            Publish(null, Threads);
        }

        foreach (Thread thread in _threads)
            thread.Join();
        foreach (SemaphoreSlim wake in _wake)
            wake.Dispose();
    }

    private void Publish(IPoolJob? job, int threads)
    {
        _job = job;
        for (int worker = 1; worker < threads; worker++)
        {
            // A full fence between the new epoch and the look at sleepers: a worker does the same in reverse order, so one of them sees the other.
            Interlocked.Increment(ref _epochs[worker].Value);
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
        ref int epochs = ref _epochs[worker].Value;
        for (int spin = 0; spin < IdleSpins + IdleYields; spin++)
        {
            int epoch = Volatile.Read(ref epochs);
            if (epoch != seen)
                return epoch;
            if (spin < IdleSpins)
                Thread.SpinWait(8);
            else
                Thread.Yield();
        }

        Interlocked.Exchange(ref _sleeping[worker], 1);
        int now = Volatile.Read(ref epochs);
        // Whoever takes the mark back decides: if the publisher did, its release must be consumed.
        if (now != seen && Interlocked.Exchange(ref _sleeping[worker], 0) == 1)
            return now;
        _wake[worker].Wait();
        return Volatile.Read(ref epochs);
    }
}
