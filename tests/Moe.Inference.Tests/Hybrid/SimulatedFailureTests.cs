using Moe.Inference.Cpu;
using Moe.Inference.Execution;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>Failures on command: where they are told, what works afterwards, and that nothing hangs or stays behind.</summary>
public class SimulatedFailureTests
{
    [Fact]
    public void A_failed_launch_is_told_once_and_skips_what_follows()
    {
        SimulatedDevice device = new(0);
        using IBackend backend = device.Open(), other = new SimulatedDevice(1).Open();
        using IDeviceEvent before = backend.CreateEvent(), after = backend.CreateEvent();
        List<int> ran = [];
        device.FailNext(SimulatedFailure.Launch, after: 2);
        backend.Enqueue(() => ran.Add(0));
        backend.Record(before);
        backend.Enqueue(() => ran.Add(1), () => ran.Add(2), () => ran.Add(3));
        backend.Enqueue(() => ran.Add(4));
        backend.Record(after);
        other.Wait(after);
        other.Enqueue(() => ran.Add(5));
        before.WaitOnHost();
        FluentActions.Invoking(after.WaitOnHost).Should().Throw<DeviceException>().WithMessage("*'add' of 'step 1'*SIM0*launch*");
        FluentActions.Invoking(other.Finish).Should().Throw<DeviceException>().WithMessage("*SIM0*launch*");
        FluentActions.Invoking(() => backend.Read(backend.Allocate(4, "x"), 0, new byte[4])).Should().Throw<DeviceException>("the failure is not told yet");
        FluentActions.Invoking(backend.Finish).Should().Throw<DeviceException>().Which.Tensor.Should().Be("step 1");
        ran.Should().Equal(0, 1);
        foreach (IBackend each in (IBackend[])[backend, other])
        {
            each.Enqueue(() => ran.Add(6));
            each.Finish();
        }

        ran.Should().Equal(0, 1, 6, 6);
    }

    [Fact]
    public void A_failed_transfer_names_its_value()
    {
        SimulatedDevice device = new(0);
        using IBackend backend = device.Open();
        using DeviceBuffer buffer = backend.Allocate(16, "here"), host = new HostBuffer(16, "host");
        device.FailNext(SimulatedFailure.Transfer, after: 1);
        backend.EnqueueTransfer("x→SIM0", host, buffer);
        backend.EnqueueTransfer("y→CPU", buffer, host);
        FluentActions.Invoking(backend.Finish).Should().Throw<DeviceException>().WithMessage("*'transfer' of 'y→CPU'*SIM0*");
        backend.EnqueueTransfer("y→CPU", buffer, host);
        backend.Finish();
    }

    [Fact]
    public void A_copy_that_fails_while_its_caller_waits_is_told_there_and_only_there()
    {
        SimulatedDevice device = new(0);
        using IBackend backend = device.Open();
        using DeviceBuffer buffer = backend.Allocate(16, "here");
        foreach (Action copy in (Action[])[() => backend.Write(buffer, 0, new byte[4]), () => backend.Read(buffer), () => backend.Copy(buffer, 0, buffer, 8, 4)])
        {
            device.FailNext(SimulatedFailure.Transfer);
            FluentActions.Invoking(copy).Should().Throw<DeviceException>().WithMessage("*here*transfer*");
            backend.Finish();
            copy();
        }
    }

    [Fact]
    public void A_failed_allocation_says_what_was_wanted()
    {
        SimulatedDevice device = new(0, new SimulatedDeviceOptions { Capacity = 100 });
        using IBackend backend = device.Open();
        device.FailNext(SimulatedFailure.Allocation, after: 1);
        backend.Allocate(10, "first").Dispose();
        FluentActions.Invoking(() => backend.Allocate(10, "second")).Should().Throw<OutOfDeviceMemoryException>().WithMessage("*SIM0*10 bytes for second*100 bytes are free*");
        backend.Allocate(10, "third").Dispose();
        device.LiveBytes.Should().Be(0);
    }

    [Fact]
    public void A_kernel_that_throws_fails_its_queue_with_its_name()
    {
        using IBackend backend = new SimulatedDevice(0).Open();
        backend.Enqueue(() => throw new InvalidOperationException("out of luck"));
        FluentActions.Invoking(backend.Finish).Should().Throw<DeviceException>().WithMessage("*'add' of 'step 0'*out of luck*");
        backend.Finish();
    }

    [Fact]
    public void On_a_lost_device_everything_throws_and_nothing_hangs()
    {
        SimulatedDevice device = new(0);
        using (IBackend backend = device.Open(), second = device.Open(), other = new SimulatedDevice(1).Open())
        using (DeviceBuffer buffer = backend.Allocate(16, "here"))
        {
            using IDeviceEvent after = backend.CreateEvent();
            device.FailNext(SimulatedFailure.DeviceLost, after: 1);
            backend.Enqueue(() => { }, () => throw new InvalidOperationException("never reached"));
            backend.Record(after);
            other.Wait(after);
            FluentActions.Invoking(after.WaitOnHost).Should().Throw<DeviceException>().WithMessage("*'step 1'*lost*");
            FluentActions.Invoking(other.Finish).Should().Throw<DeviceException>().WithMessage("*lost*");
            device.IsLost.Should().BeTrue();
            foreach (Action use in (Action[])
                [backend.Finish, backend.Finish, second.Finish, () => backend.Read(buffer), () => backend.Write(buffer, 0, [1]), () => second.Allocate(1, "x"), () => device.Open(), () => second.Enqueue(() => { })])
                FluentActions.Invoking(use).Should().Throw<DeviceException>().WithMessage("*SIM0*lost*");
            backend.Record(after);
            FluentActions.Invoking(after.WaitOnHost).Should().Throw<DeviceException>();
            other.Finish();
        }

        device.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(SimulatedFailure.Launch)]
    [InlineData(SimulatedFailure.Transfer)]
    public async Task A_request_fails_and_the_next_one_works(SimulatedFailure failure)
    {
        SimulatedDevice device = new(0);
        using Model model = Load(device);
        using Context context = model.CreateContext(Small);
        using Session session = context.CreateSession();
        int[] tokens = TestModels.StoryTokens(model, 20);
        float[][] expected = await TestModels.LogitsOf(session, tokens);
        for (int after = 0; after < 12; after += 3)
        {
            session.Rewind(0);
            device.FailNext(failure, after);
            DeviceException problem = (await FluentActions.Awaiting(() => TestModels.LogitsOf(session, tokens)).Should().ThrowAsync<DeviceException>()).Which;
            problem.Device.Should().Be("SIM0");
            session.Rewind(0);
            float[][] again = await TestModels.LogitsOf(session, tokens);
            again.Should().BeEquivalentTo(expected, options => options.WithStrictOrdering());
        }
    }

    [Fact]
    public async Task A_lost_device_fails_every_request_and_leaves_nothing_behind()
    {
        SimulatedDevice device = new(0);
        using (Model model = Load(device))
        using (Context context = model.CreateContext(Small))
        using (Session session = context.CreateSession())
        {
            int[] tokens = TestModels.StoryTokens(model, 20);
            device.FailNext(SimulatedFailure.DeviceLost, after: 30);
            await FluentActions.Awaiting(() => TestModels.LogitsOf(session, tokens)).Should().ThrowAsync<DeviceException>();
            session.Rewind(0);
            await FluentActions.Awaiting(() => TestModels.LogitsOf(session, tokens)).Should().ThrowAsync<MoeException>();
        }

        device.ShouldBeEmpty();
    }

    [Fact]
    public void No_failed_allocation_leaves_memory_behind()
    {
        SimulatedDevice device = new(0);
        bool failed = true;
        int after = 0;
        for (; failed; after++)
        {
            device.FailNext(SimulatedFailure.Allocation, after);
            try
            {
                using Model model = Load(device);
                using Context context = model.CreateContext(Small);
                failed = false;
            }
            catch (OutOfDeviceMemoryException)
            {
                device.ShouldBeEmpty();
            }
        }

        after.Should().BeGreaterThan(50, "a model has more tensors than that");
        device.ShouldBeEmpty();
    }

    [Fact]
    public void A_failed_upload_leaves_no_memory_behind()
    {
        SimulatedDevice device = new(0);
        device.FailNext(SimulatedFailure.Transfer, after: 7);
        FluentActions.Invoking(() => Load(device)).Should().Throw<DeviceException>();
        device.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_page_that_cannot_be_copied_is_not_lost()
    {
        SimulatedDevice device = new(0);
        using Model model = Load(device);
        using Context context = model.CreateContext(Small with { KvCapacity = 128 });
        using Session session = context.CreateSession();
        int[] tokens = TestModels.StoryTokens(model, 20);
        await TestModels.LogitsOf(session, tokens);
        using Session fork = session.Fork();
        device.FailNext(SimulatedFailure.Transfer);
        await FluentActions.Awaiting(() => TestModels.LogitsOf(fork, tokens)).Should().ThrowAsync<DeviceException>().WithMessage("*copy*key/value*");
        fork.Rewind(20);
        await TestModels.LogitsOf(fork, tokens);
    }

    private static ContextOptions Small => new() { ContextLength = 128, Threads = 1, MicroBatch = 16 };

    private static Model Load(SimulatedDevice device) => Model.Load(
        TestModels.Shipped,
        new ModelOptions { Placement = DevicePlacement.On(device.Device).Put("blk.*.ffn_*_exps.weight", Device.Cpu), Devices = [device] });
}
