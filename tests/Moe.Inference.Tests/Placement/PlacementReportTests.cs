using Moe.Inference.Bench.Synthesis;
using Moe.Inference.Graph;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Placement;

public class PlacementReportTests
{
    private static readonly Device Sim0 = new(SimulatedDevice.DefaultKind, 0);
    private static readonly Device Sim1 = new(SimulatedDevice.DefaultKind, 1);

    public static TheoryData<string, DevicePlacement> Placements => new()
    {
        { "cpu", DevicePlacement.Cpu },
        { "gpu", DevicePlacement.On(Sim0) },
        { "experts on the host", DevicePlacement.On(Sim0).ExpertsOnCpu() },
        { "some experts on the host", DevicePlacement.On(Sim1).ExpertsOnCpu(2) },
        { "layers", DevicePlacement.LayersByShare(6, 4, [(Sim0, 1), (Sim1, 2)]) },
        { "split", DevicePlacement.On(Sim0).WithSplit(new ExpertSplit([0, 2], [(Sim1, 1), (Device.Cpu, 2), (Sim0, 1)])) },
        { "host memory", DevicePlacement.On(Sim0).WithKvOnHost() },
        { "override", DevicePlacement.Cpu.WithOverride(@"blk\.\d+\.attn=SIM1,blk\.(0|1)\.=SIM0") },
    };

    [Theory]
    [MemberData(nameof(Placements))]
    public void Planned_bytes_are_the_allocated_ones(string name, DevicePlacement placement)
    {
        _ = name;
        SimulatedDevice[] devices = [new(0), new(1)];
        foreach (ContextOptions options in Options())
        {
            PlacementReport report = PlacementReport.For(TestModels.Shipped, placement, options, devices);
            using Model model = Model.Load(TestModels.Shipped, new ModelOptions { Placement = placement, Devices = devices });
            foreach (SimulatedDevice device in devices)
                device.LiveBytes.Should().Be(report.Devices.Single(use => use.Device == device.Device).WeightBytes);
            using Context context = model.CreateContext(options);
            report.Devices.Sum(use => use.KvBytes).Should().Be(context.KvBytes);
            report.Devices.Where(use => use.ComputeBytes > 0).ToDictionary(use => use.Device, use => use.ComputeBytes).Should().Equal(context.Plan.ArenaBytes);
            foreach (SimulatedDevice device in devices)
                device.LiveBytes.Should().Be(report.Devices.Single(use => use.Device == device.Device).TotalBytes);
            report.Plan.ToString().Should().Be(context.Plan.ToString());
            report.Devices.Sum(use => use.WeightBytes).Should().Be(model.WeightBytes);
        }
    }

    [Fact]
    public void The_memory_of_offloaded_batches_is_counted()
    {
        SimulatedDevice device = new(0);
        DevicePlacement placement = DevicePlacement.On(Sim0).ExpertsOnCpu();
        ContextOptions options = new() { ContextLength = 128, MicroBatch = 32, Threads = 1, Offload = new OffloadPolicy(Sim0, 2) };
        PlacementReport report = PlacementReport.For(TestModels.Shipped, placement, options, [device]);
        using Model model = Model.Load(TestModels.Shipped, new ModelOptions { Placement = placement, Devices = [device], PlannedContext = options });
        using Context context = model.CreateContext(options);
        DeviceUse use = report.Devices.Single(one => one.Device == Sim0);
        device.LiveBytes.Should().Be(use.TotalBytes);
        use.ComputeBytes.Should().Be(context.Plan.ArenaBytes[Sim0] + context.OffloadPlan!.ArenaBytes[Sim0]);
        report.ToString().Should().Contain("compute memory of offloaded batches");
    }

    [Theory]
    [MemberData(nameof(Placements))]
    public async Task Planned_transfers_are_the_bytes_that_go_over(string name, DevicePlacement placement)
    {
        _ = name;
        SimulatedDevice[] devices = [new(0), new(1)];
        // A context of one page, so that its page table is as long at the first token as at the last.
        ContextOptions options = new() { ContextLength = 64, MicroBatch = 16, Threads = 1 };
        PlacementReport report = PlacementReport.For(TestModels.Shipped, placement, options, devices);
        using Model model = Model.Load(TestModels.Shipped, new ModelOptions { Placement = placement, Devices = devices });
        using Context context = model.CreateContext(options);
        using Session session = context.CreateSession();
        int[] tokens = TestModels.StoryTokens(model, 17);
        long[] before = Bytes(devices);
        await session.EvaluateAsync(tokens.AsMemory(0, 16), (_, _) => { }, index => index == 15);
        long[] middle = Bytes(devices);
        await session.EvaluateAsync(tokens.AsMemory(16, 1), (_, _) => { }, _ => true);
        long[] after = Bytes(devices);

        // Beside transfers, the logits are read from where they are.
        long logits = report.Plan.Values[report.Plan.Graph.Logits.Id].Device.IsCpu ? 0 : report.Plan.Graph.Logits.Width * sizeof(float);
        (middle[0] - before[0]).Should().Be(report.Transfers.Where(transfer => transfer.From.IsCpu).Sum(transfer => transfer.BytesPerBatch));
        (middle[1] - before[1]).Should().Be(report.Transfers.Where(transfer => transfer.To.IsCpu).Sum(transfer => transfer.BytesPerBatch) + logits);
        (after[0] - middle[0]).Should().Be(report.Transfers.Where(transfer => transfer.From.IsCpu).Sum(transfer => transfer.BytesPerToken));
        (after[1] - middle[1]).Should().Be(report.Transfers.Where(transfer => transfer.To.IsCpu).Sum(transfer => transfer.BytesPerToken) + logits);
    }

    // What llama.cpp printed for this command: "KV self size = 3995.00 MiB", and weights of CUDA0 and CUDA1 that are equal.
    [Fact]
    public void The_first_seed_command_takes_the_key_value_memory_that_llama_cpp_printed()
    {
        ContextOptions options = new() { ContextLength = 40_960, KvType = ElementType.Q8_0, Threads = 8 };
        PlacementReport report = PlacementReport.For(SeedCommands.Qwen235, SeedCommands.Place(SeedCommands.First).WithKvOnHost(), options, SeedCommands.Gpus(24L << 30));
        report.Devices.Select(use => use.KvBytes).Should().Equal(3995L << 20, 0, 0, 0);
        report.Devices[1].WeightBytes.Should().Be(report.Devices[2].WeightBytes);
        // 18 layers of experts of three matrices of 128 × 1536 × 4096 in IQ4_XS (136 bytes for 256 elements), routers and norms in F32.
        report.Devices[1].WeightBytes.Should().Be(18L * ((3L * 128 * 1536 * 4096 / 256 * 136) + (128L * 4096 * 4) + (4096 * 4)));
        report.IsSound.Should().BeTrue(report.ToString());
        report.Findings.Should().BeEmpty();
    }

    [Fact]
    public void The_largest_model_is_planned_with_little_memory()
    {
        ContextOptions options = new() { ContextLength = 40_960, KvType = ElementType.Q8_0, Threads = 8 };
        DevicePlacement[] placements =
        [
            SeedCommands.Place(SeedCommands.First),
            DevicePlacement.LayersByShare(94, 95, [(Device.Cuda(0), 1), (Device.Cuda(1), 1), (Device.Cuda(2), 1)]).ExpertsOnCpu(40),
            DevicePlacement.On(Device.Cuda(0)).WithSplit(new ExpertSplit(Enumerable.Range(0, 94), [(Device.Cpu, 1), (Device.Cuda(1), 1), (Device.Cuda(2), 1)])),
        ];
        foreach (DevicePlacement placement in placements)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            PlacementReport.For(SeedCommands.Qwen235, placement, options, SeedCommands.Gpus());
            (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(50L << 20);
        }
    }

    [Fact]
    public void A_shape_without_data_is_planned_like_its_file()
    {
        using TemporaryFolder folder = new();
        ModelShape shape = ModelShape.Presets["tiny"];
        new SyntheticModel(shape, ElementType.Q4_K, ElementType.Q6_K, 1).Write(folder["tiny.gguf"]);
        ModelOutline file = ModelOutline.Read(folder["tiny.gguf"]), outline = ShapeInfo.Of(shape);
        outline.Graph.ToString().Should().Be(file.Graph.ToString());
        outline.Shape.Should().Be(file.Shape);
        outline.WeightBytes.Should().Be(file.WeightBytes);
    }

    [Fact]
    public void Tensors_that_do_not_make_a_model_are_refused()
    {
        ModelOutline model = SeedCommands.Qwen235;
        FluentActions.Invoking(() => ModelOutline.Create("x", model.Shape, model.Weights.Skip(1))).Should().Throw<UnsupportedModelException>().WithMessage("*missing*");
        FluentActions.Invoking(() => ModelOutline.Create("x", model.Shape, [.. model.Weights, new Weight("more", ElementType.F32, 1)])).Should().Throw<UnsupportedModelException>().WithMessage("*more*");
        FluentActions.Invoking(() => ModelOutline.Create("x", model.Shape with { Architecture = "gpt9" }, model.Weights)).Should().Throw<UnsupportedModelException>().WithMessage("*gpt9*");
    }

    [Fact]
    public void A_device_that_is_not_there_is_named() =>
        FluentActions.Invoking(() => PlacementReport.For(SeedCommands.Qwen235, SeedCommands.Place(SeedCommands.First), null, SeedCommands.Gpus()[..2]))
            .Should().Throw<PlanningException>().WithMessage("*attn*CUDA2*no such device*CPU, CUDA0, CUDA1*");

    [Fact]
    public void The_report_is_a_text_for_people()
    {
        using TemporaryFolder folder = new();
        ModelOutline model = ShapeInfo.Of(ModelShape.Presets["tiny"]);
        DevicePlacement placement = DevicePlacement.On(Sim0).ExpertsOnCpu(1).PutMatching("nonsense", Sim0);
        PlacementReport report = PlacementReport.For(model, placement, new ContextOptions { ContextLength = 128, MicroBatch = 32, Threads = 1 }, [new PlannedDevice(Sim0, 1 << 20)]);
        string host = ByteCount.Text(report.Devices[0].ComputeBytes), gpu = ByteCount.Text(report.Devices[1].ComputeBytes);
        report.ToString().Should().Be(
            $"""
            tiny: qwen3moe, 2 layers, 8 experts (2 used), 2.266 MiB of weights
            context of 128 tokens, 128 in key/value memory (F16), batches of 32

            device       weights   key/value     compute       total    capacity        free
            CPU        864.0 KiB         0 B{host,12}{ByteCount.Text(report.Devices[0].TotalBytes),12}           -           -
            SIM0       1.422 MiB   128.0 KiB{gpu,12}{ByteCount.Text(report.Devices[1].TotalBytes),12}   1.000 MiB{ByteCount.Text(report.Devices[1].FreeBytes!.Value),12}

            CPU holds
               864.0 KiB  experts of layer 0
            {host,12}  compute memory

            SIM0 holds
               864.0 KiB  experts of layer 1
            {gpu,12}  compute memory
               219.0 KiB  attention of layers 0, 1
               210.0 KiB  output.weight
               144.0 KiB  token_embd.weight
               128.0 KiB  key/value memory of layers 0, 1
               18.00 KiB  feed-forward and norms of layers 0, 1
               1.000 KiB  output_norm.weight

            42 steps in 4 graph splits, 11 transfers
            from    to         transfers   per token   per batch
            CPU     SIM0               8   1.277 KiB   40.51 KiB
            SIM0    CPU                3   1.016 KiB   32.50 KiB

            error: SIM0 lacks {ByteCount.Text(-report.Devices[1].FreeBytes!.Value)}
            error: rule 'nonsense=SIM0' matches no tensor

            """);
    }

    private static long[] Bytes(SimulatedDevice[] devices) => [devices.Sum(device => device.UploadedBytes), devices.Sum(device => device.DownloadedBytes)];

    private static IEnumerable<ContextOptions> Options()
    {
        yield return new ContextOptions { ContextLength = 200, Threads = 2 };
        yield return new ContextOptions { ContextLength = 100, KvCapacity = 333, KvType = ElementType.Q8_0, MicroBatch = 7, Threads = 1 };
        yield return new ContextOptions { ContextLength = 64, KvType = ElementType.F32, Exact = true, Threads = 1, Validate = true, Operations = Context.CreateRegistry().Disable("fused-moe").Disable("flash-attention") };
    }
}
