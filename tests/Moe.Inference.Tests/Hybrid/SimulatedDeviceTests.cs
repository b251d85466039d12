using System.Runtime.InteropServices;
using Moe.Inference.Cpu;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>Memory of simulated devices: how much, by whom, and what beside it.</summary>
public unsafe class SimulatedDeviceTests
{
    [Fact]
    public void Allocations_are_counted_and_cannot_exceed_the_capacity()
    {
        SimulatedDevice device = new(3, new SimulatedDeviceOptions { Capacity = 1000 });
        device.MemoryBytes.Should().Be(1000);
        using IBackend backend = device.Open();
        DeviceBuffer first = backend.Allocate(600, "first");
        (device.LiveBytes, device.LiveBuffers).Should().Be((600L, 1), "guards do not count");
        OutOfDeviceMemoryException problem = FluentActions.Invoking(() => backend.Allocate(401, "second")).Should().Throw<OutOfDeviceMemoryException>().Which;
        (problem.Wanted, problem.Free, problem.Purpose, problem.Device).Should().Be((401, 400, "second", "SIM3"));
        using DeviceBuffer rest = backend.Allocate(400, "rest");
        first.Dispose();
        first.Dispose();
        device.LiveBytes.Should().Be(400);
        backend.Allocate(600, "again").Dispose();
        FluentActions.Invoking(() => first.Address).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Fresh_memory_reads_as_NaN()
    {
        using IBackend backend = new SimulatedDevice(0).Open();
        using DeviceBuffer buffer = backend.Allocate(64, "values");
        byte[] bytes = backend.Read(buffer);
        MemoryMarshal.Cast<byte, float>(bytes).ToArray().Should().OnlyContain(x => float.IsNaN(x));
        MemoryMarshal.Cast<byte, Half>(bytes).ToArray().Should().OnlyContain(x => Half.IsNaN(x));
        backend.Write(buffer, 8, [1, 2, 3]);
        backend.Copy(buffer, 8, buffer, 32, 3);
        backend.Read(buffer)[32..35].Should().Equal(1, 2, 3);
    }

    [Fact]
    public void A_read_beyond_the_end_reads_NaN()
    {
        using IBackend backend = new SimulatedDevice(0).Open();
        using DeviceBuffer buffer = backend.Allocate(64, "values");
        float before = 0, behind = 0;
        backend.Enqueue(() => (before, behind) = (((float*)buffer.Address)[-1], ((float*)buffer.Address)[16]));
        backend.Finish();
        (float.IsNaN(before), float.IsNaN(behind)).Should().Be((true, true));
    }

    [Theory]
    [InlineData(-256)]
    [InlineData(-1)]
    [InlineData(100)]
    [InlineData(355)]
    public void A_write_beyond_either_end_is_found_when_the_queue_is_waited_for(int place)
    {
        using IBackend backend = new SimulatedDevice(0).Open();
        using DeviceBuffer other = backend.Allocate(100, "innocent"), buffer = backend.Allocate(100, "victim");
        backend.Enqueue(() => ((byte*)buffer.Address)[place] = 7);
        FluentActions.Invoking(backend.Finish).Should().Throw<DeviceException>().WithMessage($"*victim*SIM0*byte {place} *0x07*0 to 99*");
        backend.Finish();
    }

    [Fact]
    public void A_write_beyond_the_end_is_found_when_the_memory_is_given_back()
    {
        SimulatedDevice device = new(0);
        using IBackend backend = device.Open();
        DeviceBuffer buffer = backend.Allocate(100, "victim");
        using ManualResetEventSlim written = new();
        backend.Enqueue(() => ((byte*)buffer.Address)[100] = 0, written.Set);
        written.Wait(Workbench.Patience).Should().BeTrue();
        FluentActions.Invoking(buffer.Dispose).Should().Throw<DeviceException>().WithMessage("*victim*byte 100 *");
        device.LiveBuffers.Should().Be(0);
        backend.Finish();
    }

    [Fact]
    public void Only_work_for_the_device_may_touch_its_memory()
    {
        using IBackend one = new SimulatedDevice(0).Open(), two = new SimulatedDevice(1).Open(), host = new CpuBackend(1);
        using DeviceBuffer buffer = one.Allocate(16, "secret");
        FluentActions.Invoking(() => buffer.Address).Should().Throw<DeviceException>().WithMessage("*secret*SIM0*the host*");
        two.Enqueue(() => ((byte*)buffer.Address)[0] = 1);
        FluentActions.Invoking(two.Finish).Should().Throw<DeviceException>().WithMessage("*secret*SIM0*touched from SIM1*");
        FluentActions.Invoking(() => host.Enqueue(() => ((byte*)buffer.Address)[0] = 1)).Should().Throw<DeviceException>().WithMessage("*touched from the host*");
        one.Enqueue(() => ((byte*)buffer.Address)[0] = 1);
        one.Finish();
        one.Read(buffer)[0].Should().Be(1);
    }

    [Fact]
    public void Another_queue_of_the_same_device_may_touch_its_memory()
    {
        SimulatedDevice device = new(0);
        using IBackend one = device.Open(), two = device.Open();
        using DeviceBuffer buffer = one.Allocate(16, "shared");
        two.Write(buffer, 0, [5]);
        one.Read(buffer)[0].Should().Be(5);
    }

    [Fact]
    public void Transfers_lie_between_this_device_and_the_host_and_within_buffers()
    {
        using IBackend one = new SimulatedDevice(0).Open(), two = new SimulatedDevice(1).Open();
        using DeviceBuffer here = one.Allocate(16, "here"), there = two.Allocate(16, "there"), host = new HostBuffer(8, "host");
        FluentActions.Invoking(() => one.EnqueueTransfer("x→CPU", there, host)).Should().Throw<DeviceException>().WithMessage("*x→CPU*there*");
        FluentActions.Invoking(() => one.EnqueueTransfer("x→CPU", here, host)).Should().Throw<DeviceException>().WithMessage("*x→CPU*16 bytes*8 bytes of 'host'*");
        FluentActions.Invoking(() => one.Write(here, 9, new byte[8])).Should().Throw<DeviceException>().WithMessage("*here*");
        FluentActions.Invoking(() => one.Read(here, -1, new byte[8])).Should().Throw<DeviceException>();
        FluentActions.Invoking(() => one.Copy(here, 0, here, 10, 8)).Should().Throw<DeviceException>();
    }

    [Fact]
    public void Operands_on_another_device_cannot_be_bound()
    {
        using IBackend one = new SimulatedDevice(0).Open();
        using DeviceBuffer here = one.Allocate(64, "here"), host = new HostBuffer(64, "host");
        TensorView own = new(here, 0, ElementType.F32, 4, 1);
        GraphBuilder builder = new();
        GraphValue x = builder.AddInput("x", ValueShape.Floats(RowCount.Tokens, 4));
        GraphNode node = builder.AddNode("sum", new AddOp(), [x, x]);
        IKernel kernel = Context.CreateRegistry().Find(AddOp.OpName, Device.CpuKind)!;
        KernelBinding binding = new(node, [own, own with { Buffer = host }], [], [own], own, null, Workbench.One, new KernelOptions(1, false, ElementType.F16));
        FluentActions.Invoking(() => one.Bind(kernel, binding)).Should().Throw<DeviceException>().WithMessage("*add*sum*'host' on CPU*");
    }

    [Fact]
    public void Element_types_that_the_device_does_not_take_are_refused_in_planning()
    {
        SimulatedDevice device = new(0, new SimulatedDeviceOptions { ElementTypes = new HashSet<ElementType> { ElementType.F32, ElementType.F16, ElementType.Q4_K } });
        ModelOptions options = new() { Placement = DevicePlacement.On(device.Device), Devices = [device] };
        FluentActions.Invoking(() => Model.Load(TestModels.Shipped, options)).Should().Throw<PlanningException>("a placement is planned before weights are read");
        device.UploadedBytes.Should().Be(0);
        using Model model = Model.Load(TestModels.Shipped, options with { CheckPlacement = false });
        PlanningException problem = FluentActions.Invoking(() => model.CreateContext()).Should().Throw<PlanningException>().Which;
        problem.Message.Should().Contain("SIM0").And.MatchRegex("is Q[56]_K, which the device does not take");
        device.LiveBackends.Should().Be(0, "the queue that brought the weights is closed");
    }

    [Fact]
    public void Copies_and_launches_are_counted()
    {
        SimulatedDevice device = new(0);
        using IBackend backend = device.Open();
        using DeviceBuffer buffer = backend.Allocate(16, "here"), host = new HostBuffer(16, "host");
        backend.Write(buffer, 0, new byte[10]);
        backend.EnqueueTransfer("up", host, buffer);
        backend.EnqueueTransfer("down", buffer, host);
        backend.Read(buffer, 0, new byte[3]);
        backend.Enqueue(() => { }, () => { });
        backend.Finish();
        (device.UploadedBytes, device.DownloadedBytes, device.Transfers, device.Launches).Should().Be((26, 19, 4, 2));
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        foreach (SimulatedDeviceOptions options in (SimulatedDeviceOptions[])
            [new() { Capacity = -1 }, new() { GuardBytes = -1 }, new() { MaxDelay = TimeSpan.FromTicks(-1) }, new() { DelayProbability = double.NaN }, new() { Kind = "CPU" }, new() { Kind = "sim" }, new() { Kind = "" }])
            FluentActions.Invoking(() => new SimulatedDevice(0, options)).Should().Throw<ArgumentException>(options.ToString());
        FluentActions.Invoking(() => new SimulatedDevice(-1)).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => new SimulatedDevice().FailNext(SimulatedFailure.Launch, -1)).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => new SimulatedDevice().FailNext((SimulatedFailure)99)).Should().Throw<ArgumentException>();
    }
}
