using Moe.Inference.Cpu.Simd;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.Samples;

namespace Moe.Inference.Tests.EndToEnd;

public sealed class RepackingTests
{
    [SkippableTheory]
    [InlineData(Repacking.AtLoad)]
    [InlineData(Repacking.Lazy)]
    public async Task Logits_are_those_of_the_original(Repacking policy)
    {
        RequirePackedForm();
        using Model original = TestModels.Load();
        using Model repacked = Model.Load(TestModels.Shipped, new ModelOptions { Repacking = policy });
        int[] tokens = TestModels.StoryTokens(original, 150);
        float[][] expected = await LogitsAsync(original, new ContextOptions { Threads = 2 }, tokens);
        for (int threads = 1; threads <= 3; threads++)
            Same(await LogitsAsync(repacked, new ContextOptions { Threads = threads }, tokens), expected);
        Same(await LogitsAsync(repacked, new ContextOptions { Exact = true }, tokens[..20]), await LogitsAsync(original, new ContextOptions { Exact = true }, tokens[..20]));
    }

    [SkippableFact]
    public async Task Sessions_of_several_contexts_share_the_copies()
    {
        RequirePackedForm();
        using Model original = TestModels.Load(), repacked = Model.Load(TestModels.Shipped, new ModelOptions { Repacking = Repacking.Lazy });
        int[] tokens = TestModels.StoryTokens(original, 100);
        float[][] expected = await LogitsAsync(original, new ContextOptions { Threads = 1 }, tokens);
        float[][][] found = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => LogitsAsync(repacked, new ContextOptions { Threads = 2 }, tokens))));
        foreach (float[][] logits in found)
            Same(logits, expected);
    }

    [SkippableFact]
    public async Task Bytes_are_those_of_the_report()
    {
        RequirePackedForm();
        PlacementReport without = PlacementReport.For(TestModels.Shipped, DevicePlacement.Cpu), report = PlacementReport.For(TestModels.Shipped, DevicePlacement.Cpu, repacking: Repacking.AtLoad);
        report.Repacked.Bytes.Should().BePositive().And.BeLessThan(report.Model.WeightBytes);
        report.Repacked.Time.Should().BePositive().And.BeLessThan(TimeSpan.FromMinutes(1));
        report.Devices[0].PackedBytes.Should().Be(report.Repacked.Bytes);
        report.Devices[0].TotalBytes.Should().Be(without.Devices[0].TotalBytes + report.Repacked.Bytes);
        report.Devices[0].Consumers.Sum(consumer => consumer.Bytes).Should().Be(report.Devices[0].TotalBytes);
        report.ToString().Should().Contain("packed copies of weights").And.Contain("of copies made at load, about ");
        without.Repacked.Should().Be(default(RepackingUse));
        without.ToString().Should().NotContain("repack").And.NotContain("packed");

        using Model atLoad = Model.Load(TestModels.Shipped, new ModelOptions { Repacking = Repacking.AtLoad });
        atLoad.Repacked.Bytes.Should().Be(report.Repacked.Bytes);
        atLoad.Repacked.Time.Should().BePositive();

        using Model lazy = Model.Load(TestModels.Shipped, new ModelOptions { Repacking = Repacking.Lazy });
        lazy.Repacked.Bytes.Should().Be(0);
        await LogitsAsync(lazy, new ContextOptions(), TestModels.StoryTokens(lazy, 1), [1]);
        lazy.Repacked.Bytes.Should().Be(0, "generation reads the original");
        await LogitsAsync(lazy, new ContextOptions(), TestModels.StoryTokens(lazy, 30), [30]);
        long few = lazy.Repacked.Bytes;
        few.Should().BePositive().And.BeLessThan(report.Repacked.Bytes, "not every expert has three of thirty tokens in every layer");
        await LogitsAsync(lazy, new ContextOptions(), TestModels.StoryTokens(lazy, 400), [400]);
        lazy.Repacked.Bytes.Should().BeGreaterThan(few).And.BeLessThanOrEqualTo(report.Repacked.Bytes);
    }

    [SkippableFact]
    public async Task Repacked_experts_can_still_be_sent_to_a_device()
    {
        RequirePackedForm();
        SimulatedDevice device = new(0, new SimulatedDeviceOptions());
        ModelOptions options = new() { Devices = [device], Placement = DevicePlacement.On(device.Device).ExpertsOnCpu() };
        using Model original = Model.Load(TestModels.Shipped, options), repacked = Model.Load(TestModels.Shipped, options with { Repacking = Repacking.AtLoad });
        repacked.Repacked.Bytes.Should().Be(PlacementReport.For(TestModels.Shipped, options.Placement, null, options.Devices, Repacking.AtLoad).Repacked.Bytes);
        repacked.Repacked.Bytes.Should().BeLessThan(PlacementReport.For(TestModels.Shipped, DevicePlacement.Cpu, repacking: Repacking.AtLoad).Repacked.Bytes, "attention is on the device");
        int[] tokens = TestModels.StoryTokens(original, 90);
        float[][] expected = await LogitsAsync(original, new ContextOptions(), tokens);
        Same(await LogitsAsync(repacked, new ContextOptions(), tokens), expected);
        Same(await LogitsAsync(repacked, new ContextOptions { Offload = new OffloadPolicy(device.Device, 2.0) }, tokens), expected);
    }

    [SkippableFact]
    public void Experts_of_a_split_layer_are_copied_where_they_are_on_the_host()
    {
        RequirePackedForm();
        SimulatedDevice device = new(0, new SimulatedDeviceOptions());
        DevicePlacement whole = DevicePlacement.On(device.Device).ExpertsOnCpu();
        DevicePlacement split = whole.WithSplit(new ExpertSplit([0], [(device.Device, 3), (Device.Cpu, 1)]));
        long all = PlacementReport.For(TestModels.Shipped, whole, null, [device], Repacking.AtLoad).Repacked.Bytes;
        PlacementReport report = PlacementReport.For(TestModels.Shipped, split, null, [device], Repacking.AtLoad);
        report.Repacked.Bytes.Should().BePositive().And.BeLessThan(all);
        using Model model = Model.Load(TestModels.Shipped, new ModelOptions { Devices = [device], Placement = split, Repacking = Repacking.AtLoad });
        model.Repacked.Bytes.Should().Be(report.Repacked.Bytes);
    }

    [Fact]
    public void Unknown_policies_are_refused()
    {
        FluentActions.Invoking(() => Model.Load(TestModels.Shipped, new ModelOptions { Repacking = (Repacking)7 })).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => Model.Load(TestModels.Shipped, new ModelOptions { Numa = (NumaPolicy)7 })).Should().Throw<ArgumentOutOfRangeException>();
    }

    [SkippableFact]
    public async Task Bench_plans_and_measures_it()
    {
        RequirePackedForm();
        (await BenchProgram.OutputAsync("plan", TestModels.Shipped, "--repack", "lazy")).Should().Contain("of copies at the most, made when first used, about ");
        (await BenchProgram.OutputAsync("bench", TestModels.Shipped, "-p", "40", "-n", "2", "-r", "1", "--repack", "load")).Should().MatchRegex(@"repacked [\d.]+ MiB in [\d.]+ s \(AtLoad\)");
    }

    private static void RequirePackedForm() => Skip.If(WeightKernels.For(ElementType.Q4_K).Packed is null, $"the path {CpuFeatures.Current} has no packed form");

    private static void Same(float[][] found, float[][] expected)
    {
        found.Should().HaveCount(expected.Length);
        for (int i = 0; i < expected.Length; i++)
            found[i].Should().Equal(expected[i], "position {0}", i);
    }

    private static async Task<float[][]> LogitsAsync(Model model, ContextOptions options, int[] tokens, int[]? chunks = null)
    {
        using Context context = model.CreateContext(options with { ContextLength = tokens.Length + 1 });
        using Session session = context.CreateSession();
        int first = tokens.Length / 2;
        return await TestModels.LogitsOf(session, tokens, chunks ?? [first, 1, 3, tokens.Length - first - 4]);
    }
}
