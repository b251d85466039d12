using Moe.Inference.Bench.Synthesis;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Placement;

public class PlacementPlannerTests
{
    private static readonly ContextOptions Options = new() { ContextLength = 512, MicroBatch = 64, Threads = 2 };
    private static readonly ModelOutline Model30 = ShapeInfo.Of(ModelShape.Presets["qwen3-30b-a3b"]);

    [Fact]
    public void Whatever_the_devices_the_placement_fits_and_makes_sense()
    {
        int seed = Random.Shared.Next();
        Random random = new(seed);
        for (int round = 0; round < 12; round++)
        {
            PlannedDevice[] devices = [.. Enumerable.Range(0, random.Next(1, 4)).Select(index => new PlannedDevice(Device.Cuda(index), (long)(Math.Pow(random.NextDouble(), 2) * (16L << 30))))];
            DevicePlacement start = DevicePlacement.Cpu.WithKvOnHost(random.Next(3) == 0);
            if (random.Next(3) == 0)
                start = start.ExpertsOnCpu(random.Next(1, 20));
            DevicePlacement placement = PlacementPlanner.FitTo(Model30, devices, Options, start, splitExperts: random.Next(3) > 0);
            PlacementReport report = PlacementReport.For(Model30, placement, Options, devices);
            string because = $"seed {seed}, round {round}: {string.Join(", ", devices.Select(device => device.ToString()))}\n{report}";
            report.IsSound.Should().BeTrue(because);
            report.Findings.Should().NotContain(finding => finding.Kind != FindingKind.SplitExperts, because);
        }
    }

    [Fact]
    public void A_device_is_filled_to_less_than_one_expert()
    {
        PlannedDevice[] gpu = [new(Device.Cuda(0), 8L << 30)];
        PlacementReport report = PlacementReport.For(Model30, PlacementPlanner.FitTo(Model30, gpu, Options), Options, gpu);
        long expert = Model30.Weights.Where(weight => weight.Name.StartsWith("blk.0.ffn_", StringComparison.Ordinal) && weight.Slices > 1).Sum(weight => weight.SliceBytes);
        // What the compute memory of a try takes more than that of the result may be lost, too.
        report.Devices[1].FreeBytes.Should().BeInRange(0, expert + report.Devices[1].ComputeBytes);
        report.Placement.DeviceOf("blk.0.attn_q.weight").Should().Be(Device.Cuda(0));
        report.Placement.DeviceOf("output.weight").Should().Be(Device.Cuda(0));
        report.Placement.DeviceOf("token_embd.weight").Should().Be(Device.Cpu);
        report.Placement.Splits.Should().ContainSingle();
    }

    // The order of usefulness: nothing, the last layers without experts, all layers and the output, experts of the last layers.
    [Theory]
    [InlineData(10, false, false, false, false)]
    [InlineData(400, false, true, false, false)]
    [InlineData(1000, true, true, true, false)]
    [InlineData(4000, true, true, true, true)]
    public void The_most_useful_tensors_come_first(int mebibytes, bool firstAttention, bool lastAttention, bool output, bool lastExperts)
    {
        Device gpu = Device.Cuda(0);
        DevicePlacement placement = PlacementPlanner.FitTo(Model30, [new PlannedDevice(gpu, (long)mebibytes << 20)], Options, splitExperts: false);
        (placement.DeviceOf("blk.0.attn_q.weight") == gpu).Should().Be(firstAttention);
        (placement.DeviceOf("blk.47.attn_q.weight") == gpu).Should().Be(lastAttention);
        (placement.DeviceOf("output.weight") == gpu).Should().Be(output);
        (placement.DeviceOf("blk.47.ffn_up_exps.weight") == gpu).Should().Be(lastExperts);
        placement.DeviceOf("blk.0.ffn_up_exps.weight").Should().Be(Device.Cpu);
    }

    [Fact]
    public void No_more_devices_are_used_than_needed()
    {
        PlannedDevice[] devices = [new(Device.Cuda(0), 24L << 30), new(Device.Cuda(1), 24L << 30), new(Device.Cuda(2), 24L << 30)];
        PlacementReport report = PlacementReport.For(Model30, PlacementPlanner.FitTo(Model30, devices, Options), Options, devices);
        report.Devices.Where(use => use.TotalBytes > 0).Select(use => use.Device).Should().Equal(Device.Cpu, Device.Cuda(0));
    }

    [Fact]
    public void Layers_are_shared_by_memory_and_stay_neighbours()
    {
        PlannedDevice[] devices = [new(Device.Cuda(0), 3L << 30), new(Device.Cuda(1), 6L << 30)];
        DevicePlacement placement = PlacementPlanner.FitTo(Model30, devices, Options);
        int[] homes = [.. Enumerable.Range(0, 48).Select(layer => placement.DeviceOf($"blk.{layer}.attn_q.weight").Index)];
        homes.Should().BeInAscendingOrder();
        homes.Count(home => home == 0).Should().BeInRange(14, 18);
    }

    [Fact]
    public void What_is_decided_already_stays()
    {
        DevicePlacement start = DevicePlacement.Cpu.WithKvOnHost().WithOverride(@"blk\.47\.=CPU").WithSplit(new ExpertSplit([3], [(Device.Cuda(0), 1), (Device.Cpu, 3)]));
        PlannedDevice[] gpu = [new(Device.Cuda(0), 24L << 30)];
        DevicePlacement placement = PlacementPlanner.FitTo(Model30, gpu, Options, start);
        placement.KvOnHost.Should().BeTrue();
        placement.DeviceOf("blk.47.attn_q.weight").Should().Be(Device.Cpu);
        placement.DeviceOf("blk.46.ffn_up_exps.weight").Should().Be(Device.Cuda(0));
        placement.SplitOf(3).Should().BeSameAs(start.Splits[0]);
        PlacementReport.For(Model30, placement, Options, gpu).IsSound.Should().BeTrue();
    }

    [Fact]
    public void Devices_that_do_not_tell_their_memory_or_come_twice_are_refused()
    {
        FluentActions.Invoking(() => PlacementPlanner.FitTo(Model30, [new PlannedDevice(Device.Cuda(0))])).Should().Throw<ArgumentException>().WithMessage("*CUDA0*");
        FluentActions.Invoking(() => PlacementPlanner.FitTo(Model30, [new PlannedDevice(Device.Cuda(0), 1), new PlannedDevice(Device.Cuda(0), 1)])).Should().Throw<ArgumentException>().WithMessage("*twice*");
        PlacementPlanner.FitTo(Model30, [new PlannedDevice(Device.Cpu, 1)]).DeviceOf("output.weight").Should().Be(Device.Cpu);
    }

    [Fact]
    public void A_fitted_model_runs_in_the_memory_it_was_fitted_to()
    {
        ModelOutline outline = ModelOutline.Read(TestModels.Shipped);
        ContextOptions options = Options with { Exact = true };
        long all = PlacementReport.For(outline, DevicePlacement.On(new Device(SimulatedDevice.DefaultKind, 0)), options, [new SimulatedDevice()]).Devices[1].TotalBytes;
        SimulatedDevice device = new(0, new SimulatedDeviceOptions { Capacity = all / 2 });
        DevicePlacement placement = PlacementPlanner.FitTo(outline, [device], options);
        using Model model = Model.Load(TestModels.Shipped, new ModelOptions { Placement = placement, Devices = [device], PlannedContext = options });
        using Context context = model.CreateContext(options);
        using Session session = context.CreateSession();
        device.LiveBytes.Should().BeInRange(all / 3, all / 2);
        session.Evaluate(TestModels.StoryTokens(model, 20)).Should().OnlyContain(logit => float.IsFinite(logit));
    }
}
