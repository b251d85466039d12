using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Moe.Inference.Execution;
using Moe.Inference.Kv;

namespace Moe.Inference.Engine;

/// <summary>
/// The thread that computes for all sessions of a context. Each turn it forms one micro-batch of all requests (single tokens first, then
/// prompts in chunks), runs it, and hands out the logits. Key/value memory is touched by this thread only.
/// </summary>
internal sealed class InferenceEngine : IDisposable
{
    // What the user knows the engine by.
    private const string Owner = "Context";

    private readonly IRunnerChoice _runners;
    private readonly KvMemory _memory;
    private readonly MicroBatch _batch;
    private readonly ILogger _logger;
    private readonly Thread _thread;
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _signal = new(0);
    private readonly Queue<EngineRequest> _arrivals = [];
    private readonly Queue<(Action Action, TaskCompletionSource Done)> _actions = [];
    private readonly List<EngineRequest> _active = [];
    private readonly List<EngineRequest> _undelivered = [];
    private readonly Action _deliver;
    private bool _stopped;
    private bool _joined;
    private DeviceException? _deviceLoss;
    private Exception? _lost;

    /// <summary>Starts the thread.</summary>
    /// <param name="runners">The plans.</param>
    /// <param name="memory">Key/value memory.</param>
    /// <param name="logger">Where failures are logged.</param>
    /// <param name="started">Called first on the thread; must not throw.</param>
    public InferenceEngine(IRunnerChoice runners, KvMemory memory, ILogger logger, Action? started = null)
    {
        _runners = runners;
        _memory = memory;
        _logger = logger;
        _batch = new MicroBatch(runners.Limits);
        _deliver = DeliverAll;
        _thread = new Thread(() => Loop(started)) { IsBackground = true, Name = "moe-engine" };
        _thread.Start();
    }

    /// <summary>Gives a request to the engine, which owns its sequence until the request ends.</summary>
    /// <exception cref="ObjectDisposedException">The context is disposed.</exception>
    /// <exception cref="DeviceException">A device was lost, and the context with it.</exception>
    /// <exception cref="InvalidOperationException">The engine failed.</exception>
    public void Submit(EngineRequest request)
    {
        lock (_lock)
        {
            ThrowIfStopped();
            _arrivals.Enqueue(request);
            _signal.Release();
        }
    }

    /// <summary>Runs something on the engine's thread between two batches: the only way to touch key/value memory from outside.</summary>
    public Task InvokeAsync(Action action)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            ThrowIfStopped();
            _actions.Enqueue((action, done));
            _signal.Release();
        }

        return done.Task;
    }

    /// <summary>Says that a paused request may go on.</summary>
    public void Wake()
    {
        lock (_lock)
        {
            if (!_stopped)
                _signal.Release();
        }
    }

    /// <summary>Ends all requests and the thread.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_joined)
                return;
            (_stopped, _joined) = (true, true);
        }

        _signal.Release();
        _thread.Join();
        _signal.Dispose();
    }

    private void ThrowIfStopped()
    {
        if (_lost is not null)
            throw Gone(_lost);
        ObjectDisposedException.ThrowIf(_stopped, this);
    }

    // What requests are told once the engine has ended by an error.
    private static Exception Gone(Exception error) => error is DeviceException { DeviceLost: true } loss
        ? new DeviceException(loss.Operation, loss.Tensor, loss.Device, "the device was lost, and this context with it; dispose the context and create it again, from a model loaded onto a device that works", loss.Code, loss) { DeviceLost = true }
        : new InvalidOperationException("the context's engine failed; dispose the context and create it again", error);

    private void Loop(Action? started)
    {
        started?.Invoke();
        Exception gone = new ObjectDisposedException(Owner);
        try
        {
            while (Accept())
            {
                bool formed = Form();
                if (formed)
                    Step();
                if (_deviceLoss is not null)
                    throw _deviceLoss;
                if (formed)
                    continue;
                DeliverAll();
                _signal.Wait();
            }
        }
#pragma warning disable CA1031 // An error outside any request leaves the context unusable; nobody may be left waiting for it.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _logger.LogCritical(error, "the engine failed; its context is lost");
            gone = Gone(error);
            lock (_lock)
                (_stopped, _lost) = (true, error);
        }

        foreach (EngineRequest request in _active)
            request.Fail(gone);
        foreach (EngineRequest request in _arrivals)
            request.Fail(gone);
        foreach ((_, TaskCompletionSource done) in _actions)
            done.TrySetException(gone);
    }

    // Takes what has arrived; false when the engine is to end.
    private bool Accept()
    {
        while (true)
        {
            (Action Action, TaskCompletionSource Done) item;
            lock (_lock)
            {
                if (_stopped)
                    return false;
                while (_arrivals.TryDequeue(out EngineRequest? request))
                    _active.Add(request);
                if (!_actions.TryDequeue(out item))
                    return true;
            }

            try
            {
                item.Action();
                item.Done.SetResult();
            }
#pragma warning disable CA1031 // The error belongs to whoever asked; the engine goes on.
            catch (Exception error)
#pragma warning restore CA1031
            {
                item.Done.SetException(error);
            }
        }
    }

    private bool Form()
    {
        _batch.Clear();
        for (int i = _active.Count - 1; i >= 0; i--)
        {
            if (_active[i].Cancellation.IsCancellationRequested)
                End(_active[i], new OperationCanceledException(_active[i].Cancellation));
        }

        // Waiting generations first: they are short, and their readers notice a pause.
        AddAll(request => request.Sequence.Pending == 1);
        AddAll(request => request.Sequence.Pending > 1);
        return !_batch.IsEmpty;
    }

    private void AddAll(Predicate<EngineRequest> choose)
    {
        for (int i = 0; i < _active.Count && _batch.Room > 0; i++)
        {
            EngineRequest request = _active[i];
            if (!request.IsPaused && choose(request) && !TryAdd(request))
                i--;
        }
    }

    // False if the request ended instead.
    private bool TryAdd(EngineRequest request)
    {
        try
        {
            Sequence sequence = request.Sequence;
            int count = Math.Min(sequence.Pending, _batch.Room);
            if (!sequence.Kv.TryReserve(count))
                throw new ContextOverflowException(sequence.Kv.Length + count, _memory.Capacity, "the context's key/value memory is taken by its sessions; dispose some, or create the context with a larger KvCapacity");
            _batch.Add(request, count);
            return true;
        }
#pragma warning disable CA1031 // One request's failure must not end the others.
        catch (Exception error)
#pragma warning restore CA1031
        {
            End(request, error);
            return false;
        }
    }

    private void Step()
    {
        long start = Stopwatch.GetTimestamp();
        PlanRunner runner = _runners.Choose(_batch.Size);
        try
        {
            _batch.Fill(runner);
            // A run that serves one request can be stopped within; one that serves several must not be. Waking readers takes its time, which
            // is free while devices are at work.
            runner.Run(_batch.Size, NeedsWholeLogits(runner.TopCount), runner.WaitsAtEnd ? _deliver : null, _batch.Shares.Count == 1 ? _batch.Shares[0].Request.Cancellation : CancellationToken.None);
        }
#pragma warning disable CA1031 // Whatever a device throws goes to the requests of this batch.
        catch (Exception error)
#pragma warning restore CA1031
        {
            if (error is not OperationCanceledException)
                _logger.LogError(error, "a batch of {Tokens} tokens failed", _batch.Size.Tokens);
            for (int i = 0; i < _batch.Shares.Count; i++)
                End(_batch.Shares[i].Request, error);
            return;
        }

        EngineMetrics.Batch(_batch.Size.Tokens, Stopwatch.GetElapsedTime(start));
        Consider(runner);
        for (int i = 0; i < _batch.Shares.Count; i++)
            Take(_batch.Shares[i], runner);
        if (!runner.WaitsAtEnd)
            DeliverAll();
    }

    private void DeliverAll()
    {
        foreach (EngineRequest request in _undelivered)
            request.Deliver();
        _undelivered.Clear();
    }

    private bool NeedsWholeLogits(int top)
    {
        if (top == 0)
            return true;
        foreach (MicroBatch.Share share in _batch.Shares)
        {
            if (share.Outputs > 0 && share.Request.NeedsWholeLogits(top))
                return true;
        }

        return false;
    }

    // Choosing from a large vocabulary takes as long for each request as a device does for all of them.
    private void Consider(PlanRunner runner)
    {
        if (_batch.Shares.Count > 1 && _batch.Shares.All(share => share.Outputs <= 1) && runner.KeepsLogits)
        {
            Parallel.For(0, _batch.Shares.Count, i =>
            {
                MicroBatch.Share share = _batch.Shares[i];
                if (share.Outputs == 1)
                    share.Request.Consider(new LogitsRow(runner, share.FirstOutput));
            });
        }
    }

    private void Take(in MicroBatch.Share share, PlanRunner runner)
    {
        EngineRequest request = share.Request;
        try
        {
            Sequence sequence = request.Sequence;
            sequence.Kv.Commit(CollectionsMarshal.AsSpan(sequence.Tokens), share.First + share.Count);
            for (int output = 0; output < share.Outputs; output++)
            {
                request.Take(_batch.IndexOfOutput(share, output), new LogitsRow(runner, share.FirstOutput + output));
            }

            _undelivered.Add(request);
            if (request.IsFinished)
                End(request, null);
        }
#pragma warning disable CA1031 // One request's failure must not end the others.
        catch (Exception error)
#pragma warning restore CA1031
        {
            End(request, error);
        }
    }

    private void End(EngineRequest request, Exception? error)
    {
        _active.Remove(request);
        if (error is DeviceException { DeviceLost: true } loss)
            _deviceLoss ??= loss;
        if (error is null)
            request.Complete();
        else
            request.Fail(error);
    }
}
