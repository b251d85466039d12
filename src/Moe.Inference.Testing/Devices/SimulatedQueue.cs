using System.Collections.Concurrent;
using System.Diagnostics;

namespace Moe.Inference.Testing;

/// <summary>
/// A thread that works items off in order. After a failure all further work is passed over until somebody synchronizes and is told;
/// recordings then happen with the failure, so that nobody waits in vain.
/// </summary>
internal sealed class SimulatedQueue : IDisposable
{
    private readonly SimulatedDevice _device;
    // An item gets the failure that is not told yet, if any, and returns what remains to be told.
    private readonly BlockingCollection<Func<Exception?, Exception?>> _items = [];
    private readonly Thread _thread;
    private readonly Random _random;
    private volatile bool _ending;

    public SimulatedQueue(SimulatedDevice device, int number)
    {
        _device = device;
        _random = new Random(unchecked((device.Options.Seed * 31 + device.Device.Index) * 31 + number));
        _thread = new Thread(Work) { IsBackground = true, Name = $"moe-{device.Device}-{number}" };
        _thread.Start();
    }

    /// <summary>Enqueues work; what it throws is a failure of the queue.</summary>
    public void Enqueue(string operation, string tensor, Action work) => Add(failure => failure ?? Try(operation, tensor, work));

    /// <summary>Enqueues that something happens.</summary>
    public void Record(Recording recording) => Add(failure =>
    {
        recording.Complete(failure);
        return failure;
    });

    /// <summary>Does work in order and waits for it; what it throws is thrown here and is no failure of the queue.</summary>
    public void Call(string operation, string tensor, Action work)
    {
        Recording done = new();
        Add(failure =>
        {
            done.Complete(failure ?? Try(operation, tensor, work));
            return failure;
        });
        done.Wait();
    }

    /// <summary>Waits for all that was enqueued, tells the first failure, and makes the queue ready for new work.</summary>
    public void Synchronize()
    {
        Recording done = new();
        Add(failure =>
        {
            done.Complete(failure ?? _device.CheckGuards());
            return null;
        });
        done.Wait();
    }

    /// <summary>Works off what there is, without pauses, and ends the thread.</summary>
    public void Dispose()
    {
        _ending = true;
        if (_items.IsAddingCompleted)
            return;
        _items.CompleteAdding();
        _thread.Join();
        _items.Dispose();
    }

    private void Add(Func<Exception?, Exception?> item)
    {
        ObjectDisposedException.ThrowIf(_ending, this);
        _items.Add(item);
    }

    private void Work()
    {
        using SimulatedDevice.Scope working = _device.Enter();
        Exception? failure = null;
        foreach (Func<Exception?, Exception?> item in _items.GetConsumingEnumerable())
            failure = item(_device.Loss ?? failure);
    }

    private Exception? Try(string operation, string tensor, Action work)
    {
        try
        {
            Pause();
            work();
            return null;
        }
        catch (Exception expected) when (expected is DeviceException or OperationCanceledException)
        {
            return expected;
        }
#pragma warning disable CA1031 // The queue's thread goes on whatever happens; the failure goes to whoever waits.
        catch (Exception problem)
#pragma warning restore CA1031
        {
            return new DeviceException(operation, tensor, _device.Device.ToString(), problem.Message, 0, problem);
        }
    }

    private void Pause()
    {
        SimulatedDeviceOptions options = _device.Options;
        if (options.MaxDelay == TimeSpan.Zero || _ending || _random.NextDouble() >= options.DelayProbability)
            return;
        TimeSpan pause = options.MaxDelay * _random.NextDouble();
        long start = Stopwatch.GetTimestamp();
        // Sleeping is exact to a millisecond only.
        if (pause.TotalMilliseconds >= 2)
            Thread.Sleep(pause - TimeSpan.FromMilliseconds(1));
        while (Stopwatch.GetElapsedTime(start) < pause)
            Thread.Yield();
    }
}
