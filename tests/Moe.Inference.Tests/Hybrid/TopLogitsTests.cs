using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Sampling;
using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>Where a device computes the logits, it finds the greatest, and whole rows come to the host only for those who need them.</summary>
public sealed class TopLogitsTests : IDisposable
{
    private const int Generated = 12;

    private readonly SimulatedDevice _device = new();
    private readonly Model _model;

    public TopLogitsTests() => _model = Model.Load(TestModels.Shipped, new ModelOptions { Devices = [_device], Placement = DevicePlacement.On(_device.Device) });

    public void Dispose() => _model.Dispose();

    [Fact]
    public void Only_plans_whose_logits_are_on_a_device_look_for_them()
    {
        using (Context context = _model.CreateContext(Options()))
        {
            PlannedStep last = context.Plan.Steps[^1];
            last.Node.Operation.Should().BeOfType<TopLogitsOp>();
            last.Device.Should().Be(_device.Device);
            last.Node.Inputs.Should().Equal(context.Plan.Graph.Logits);
            context.Plan.TopLogits.Should().BeSameAs(last.Node.Outputs[0]);
        }

        using (Context context = _model.CreateContext(Options(switchedOff: true)))
            context.Plan.TopLogits.Should().BeNull();
        using Model host = TestModels.Load();
        using (Context context = host.CreateContext(Options()))
            context.Plan.TopLogits.Should().BeNull();
    }

    [Fact]
    public async Task The_same_tokens_come_whether_or_not_whole_rows_do()
    {
        SamplingOptions[] all =
        [
            SamplingOptions.Greedy,
            SamplingOptions.Greedy with { TopLogProbs = 3 },
            new() { Seed = 1 },
            new() { Seed = 2, TopK = 0, TopP = 0.9f },
            new() { Seed = 3, RepetitionPenalty = 1.3f },
        ];
        using Context found = _model.CreateContext(Options()), whole = _model.CreateContext(Options(switchedOff: true));
        List<GeneratedToken>[] expected = await Task.WhenAll(all.Select(options => Generate(whole, options)));
        foreach (int together in (int[])[1, all.Length])
        {
            List<GeneratedToken>[] actual = await Task.WhenAll(all.Select(async options =>
            {
                if (together == 1)
                    await Task.Yield();
                return await Generate(found, options);
            }));
            for (int i = 0; i < all.Length; i++)
            {
                actual[i].Select(token => token.Id).Should().Equal(expected[i].Select(token => token.Id), $"{all[i]}");
                actual[i].Select(token => token.Text).Should().Equal(expected[i].Select(token => token.Text));
                actual[i].Zip(expected[i]).Should().OnlyContain(pair => Math.Abs(pair.First.LogProbability - pair.Second.LogProbability) < 1e-5f);
            }
        }
    }

    [Fact]
    public async Task Whole_rows_come_only_for_those_who_need_them()
    {
        using Context context = _model.CreateContext(Options());
        long row = context.Plan.Graph.Logits.Width * sizeof(float), top = context.Plan.TopLogits!.Width * sizeof(float);
        long before = _device.DownloadedBytes;
        await Generate(context, SamplingOptions.Greedy);
        (_device.DownloadedBytes - before).Should().Be(Generated * top);
        before = _device.DownloadedBytes;
        await Generate(context, SamplingOptions.Greedy with { LogitBias = new Dictionary<int, float> { [5] = -1 } });
        (_device.DownloadedBytes - before).Should().BeGreaterThanOrEqualTo(Generated * row);
    }

    private static ContextOptions Options(bool switchedOff = false)
    {
        OpRegistry registry = Context.CreateRegistry();
        if (switchedOff)
            registry.Disable(TopLogitsOp.OpName);
        return new ContextOptions { Operations = registry, ContextLength = 128, KvCapacity = 1024, Threads = 2 };
    }

    private static async Task<List<GeneratedToken>> Generate(Context context, SamplingOptions sampling)
    {
        using Session session = context.CreateSession();
        return await TestModels.Collect(session.GenerateAsync(
            TestModels.Story[..60], new GenerationOptions { MaxTokens = Generated, Sampling = sampling, IgnoreEndOfGeneration = true }));
    }
}
