using System.Runtime.InteropServices;
using Moe.Inference.Cpu;
using Moe.Inference.Execution;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>Order, events and ends of a simulated device's queues.</summary>
public class SimulatedQueueTests
{
    [Fact]
    public void Work_is_asynchronous_and_in_order()
    {
        using IBackend backend = new SimulatedDevice(0, new SimulatedDeviceOptions { MaxDelay = TimeSpan.FromMicroseconds(50) }).Open();
        using ManualResetEventSlim gate = new();
        List<int> order = [];
        backend.Enqueue(() => gate.Wait(Workbench.Patience));
        for (int i = 0; i < 100; i++)
        {
            int number = i;
            backend.Enqueue(() => order.Add(2 * number), () => order.Add((2 * number) + 1));
        }

        order.Should().BeEmpty("whoever enqueues does not wait");
        gate.Set();
        backend.Finish();
        order.Should().Equal(Enumerable.Range(0, 200));
    }

    [Fact]
    public void An_event_makes_another_device_wait_in_every_run()
    {
        Relay(withEvents: true, out int stale);
        stale.Should().Be(0);
    }

    [Fact]
    public void A_missing_event_shows()
    {
        Relay(withEvents: false, out int stale);
        stale.Should().BePositive("pauses at random let the second device overtake the first");
    }

    [Fact]
    public void A_wait_is_for_the_recording_that_was_asked_for_before_it()
    {
        SimulatedDevice first = new(0), second = new(1);
        using IBackend one = first.Open(), two = second.Open();
        using IDeviceEvent happened = one.CreateEvent();
        using ManualResetEventSlim gate = new();
        one.Record(happened);
        two.Wait(happened);
        one.Enqueue(() => gate.Wait(Workbench.Patience));
        one.Record(happened);
        two.Finish();
        gate.Set();
        happened.WaitOnHost();
    }

    [Fact]
    public void An_event_that_was_never_recorded_keeps_nobody_waiting()
    {
        using IBackend one = new SimulatedDevice(0).Open(), two = new SimulatedDevice(1).Open();
        using IDeviceEvent happened = one.CreateEvent();
        happened.WaitOnHost();
        two.Wait(happened);
        two.Finish();
    }

    [Fact]
    public void Dispose_finishes_what_was_enqueued_and_ends_the_thread()
    {
        SimulatedDevice device = new(0, new SimulatedDeviceOptions { MaxDelay = TimeSpan.FromMilliseconds(100), DelayProbability = 1 });
        int done = 0;
        Thread? worker = null;
        IBackend backend = device.Open();
        IDeviceEvent happened = backend.CreateEvent();
        for (int i = 0; i < 20; i++)
            backend.Enqueue(() => (worker, done) = (Thread.CurrentThread, done + 1));
        backend.Record(happened);
        backend.Dispose();
        done.Should().Be(20);
        worker!.IsAlive.Should().BeFalse();
        happened.WaitOnHost();
        backend.Dispose();
        device.ShouldBeEmpty();
        FluentActions.Invoking(() => backend.Enqueue(() => { })).Should().Throw<ObjectDisposedException>();
        FluentActions.Invoking(backend.Synchronize).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void A_cancelled_program_stops_and_synchronizing_says_so()
    {
        using IBackend backend = new SimulatedDevice(0).Open();
        using CancellationTokenSource stop = new();
        bool ran = false;
        backend.Enqueue(backend.Program(stop.Cancel, () => ran = true), Workbench.One, stop.Token);
        FluentActions.Invoking(backend.Finish).Should().Throw<OperationCanceledException>();
        ran.Should().BeFalse();
        backend.Finish();
    }

    // A number goes from one device by way of the host to another, 200 times; counts how often an old one arrives.
    private static void Relay(bool withEvents, out int stale)
    {
        SimulatedDeviceOptions options = new() { MaxDelay = TimeSpan.FromMicroseconds(200), DelayProbability = 0.5, Seed = Environment.TickCount };
        using IBackend one = new SimulatedDevice(0, options).Open(), two = new SimulatedDevice(1, options).Open();
        using DeviceBuffer from = one.Allocate(16, "source"), to = two.Allocate(16, "target"), host = new HostBuffer(16, "host");
        using IDeviceEvent down = one.CreateEvent(), up = two.CreateEvent();
        stale = 0;
        for (int round = 0; round < 200; round++)
        {
            one.Write(from, 0, MemoryMarshal.AsBytes<int>([round, round, round, round]));
            one.EnqueueTransfer("x→CPU", from, host);
            one.Record(down);
            if (withEvents)
                two.Wait(down);
            two.EnqueueTransfer("x→SIM1", host, to);
            two.Record(up);
            if (withEvents)
                one.Wait(up);
            stale += MemoryMarshal.Read<int>(two.Read(to)) == round ? 0 : 1;
            one.Synchronize();
        }
    }
}
