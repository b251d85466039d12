using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Placement;

public class PlacementGateTests
{
    private static readonly Device Sim = new(SimulatedDevice.DefaultKind, 0);

    [Theory]
    [InlineData("nonsense=SIM0", FindingKind.UnmatchedRule)]
    [InlineData(@"\.1\.ffn_gate_exps=SIM0", FindingKind.SeparatedGateAndUp)]
    public void A_placement_without_sense_is_refused_before_anything_is_loaded(string text, FindingKind kind)
    {
        SimulatedDevice device = new();
        PlacementException error = FluentActions.Invoking(() => Load(DevicePlacement.Cpu.WithOverride(text), device)).Should().Throw<PlacementException>().Which;
        error.Report.Findings[0].Kind.Should().Be(kind);
        error.Message.Should().Contain(error.Report.Findings[0].Message);
        device.UploadedBytes.Should().Be(0);
        Model.Load(TestModels.Shipped, new ModelOptions { Placement = DevicePlacement.Cpu.WithOverride(text), Devices = [device], CheckPlacement = false }).Dispose();
    }

    [Fact]
    public void A_placement_that_does_not_fit_is_refused_with_consumers_and_a_way_out()
    {
        SimulatedDevice device = new(0, new SimulatedDeviceOptions { Capacity = 1 << 20 });
        OutOfDeviceMemoryException error = FluentActions.Invoking(() => Load(DevicePlacement.On(Sim), device)).Should().Throw<OutOfDeviceMemoryException>().Which;
        PlacementReport report = PlacementReport.For(TestModels.Shipped, DevicePlacement.On(Sim), null, [device]);
        (error.Device, error.Wanted, error.Free).Should().Be(("SIM0", report.Devices[1].TotalBytes, 1L << 20));
        error.LargestConsumers.Should().Equal(report.Devices[1].Consumers);
        error.LargestConsumers.Sum(consumer => consumer.Bytes).Should().Be(error.Wanted);
        error.Message.Should().Contain("SIM0 would need").And.Contain("experts of layers").And.Contain("FitTo would fit").And.Contain("PlannedContext was not given");
        device.UploadedBytes.Should().Be(0);
    }

    [Fact]
    public void The_context_to_come_decides_whether_it_fits()
    {
        ContextOptions small = new() { ContextLength = 64, MicroBatch = 8, Threads = 1 };
        long enough = PlacementReport.For(TestModels.Shipped, DevicePlacement.On(Sim), small, [new SimulatedDevice()]).Devices[1].TotalBytes;
        SimulatedDevice device = new(0, new SimulatedDeviceOptions { Capacity = enough });
        FluentActions.Invoking(() => Load(DevicePlacement.On(Sim), device)).Should().Throw<OutOfDeviceMemoryException>();
        using Model model = Model.Load(TestModels.Shipped, new ModelOptions { Placement = DevicePlacement.On(Sim), Devices = [device], PlannedContext = small });
        using Context context = model.CreateContext(small);
        device.LiveBytes.Should().Be(enough);
        FluentActions.Invoking(() => Model.Load(TestModels.Shipped, new ModelOptions { Placement = DevicePlacement.On(Sim), Devices = [device], PlannedContext = small with { ContextLength = 0 } }))
            .Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void A_device_that_is_not_there_is_named_before_anything_is_loaded()
    {
        SimulatedDevice device = new();
        FluentActions.Invoking(() => Load(DevicePlacement.On(Sim).WithOverride(@"blk\.1\.=SIM7"), device)).Should().Throw<PlanningException>().WithMessage("*SIM7*no such device*CPU, SIM0*");
        device.UploadedBytes.Should().Be(0);
    }

    private static void Load(DevicePlacement placement, SimulatedDevice device) =>
        Model.Load(TestModels.Shipped, new ModelOptions { Placement = placement, Devices = [device] }).Dispose();
}
