using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>Experts on the host, computed on a device that is sent the chosen ones' weights when a batch is large.</summary>
public sealed class OffloadTests : IDisposable
{
    private const int Used = 4;
    private const int Experts = 16;
    private readonly SimulatedDevice _device = new(0, new SimulatedDeviceOptions { MaxDelay = TimeSpan.FromMilliseconds(0.2), Seed = 5 });
    private readonly Model _model;

    public OffloadTests() => _model = Model.Load(TestModels.Shipped, new ModelOptions
    {
        Devices = [_device],
        Placement = DevicePlacement.On(_device.Device).Put("blk.*.ffn_*_exps.weight", Device.Cpu),
    });

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Offloaded_experts_give_the_same_bits(bool validate)
    {
        int[] tokens = TestModels.StoryTokens(_model, validate ? 20 : 90);
        float[][] with = await Logits(new OffloadPolicy(_device.Device, 1), tokens, validate);
        float[][] without = await Logits(null, tokens, false);
        with.Length.Should().Be(without.Length);
        for (int i = 0; i < with.Length; i++)
            with[i].Should().Equal(without[i], "position {0}", i);
    }

    // 4 of 16 experts a token: a threshold of 2 uses per expert is reached by 8 tokens.
    [Theory]
    [InlineData(7, false)]
    [InlineData(8, true)]
    [InlineData(9, true)]
    public void The_threshold_decides_and_only_chosen_experts_travel(int tokens, bool offloads)
    {
        (long all, long chosen, _) = Uploaded(new OffloadPolicy(_device.Device, 2.0), tokens);
        (long plain, _, _) = Uploaded(null, tokens);
        if (!offloads)
        {
            all.Should().Be(plain);
            return;
        }

        // The hidden state of the experts' inputs is on the device already, so that less of it travels than without offload.
        all.Should().BeGreaterThan(plain);
        chosen.Should().BeGreaterThan(0);
    }

    [Fact]
    public void One_token_sends_exactly_its_experts()
    {
        (_, long staged, ExecutionSizes sizes) = Uploaded(new OffloadPolicy(_device.Device, 0.01), 1);
        staged.Should().Be(sizes.BytesPerExpert * Used * sizes.Layers);
        (_, long many, _) = Uploaded(new OffloadPolicy(_device.Device, 0.01), 60);
        many.Should().BeLessThanOrEqualTo(sizes.BytesPerExpert * Experts * sizes.Layers).And.BeGreaterThan(staged);
    }

    [Fact]
    public void The_break_even_point_follows_from_speeds()
    {
        // 1 MB over 1 GB/s takes 1 ms; a million multiply-adds save 1/1e9 − 1/4e9 s each: 0.75 ms for one use.
        OffloadPolicy.BreakEven(1_000_000, 1_000_000, 1e9, 1e9, 4e9).Should().BeApproximately(1 / 0.75, 1e-9);
        OffloadPolicy.BreakEven(1_000_000, 1_000_000, 1e9, 4e9, 4e9).Should().Be(double.PositiveInfinity);
        OffloadPolicy.Pays(2, 8, 4, 16).Should().BeTrue();
        OffloadPolicy.Pays(2, 7, 4, 16).Should().BeFalse();
        OffloadPolicy.Pays(double.PositiveInfinity, 1000, 4, 16).Should().BeFalse();
    }

    [Fact]
    public void Without_a_threshold_it_is_measured()
    {
        using Context context = _model.CreateContext(Options(new OffloadPolicy(_device.Device), false));
        context.OffloadThreshold.Should().BeGreaterThan(0).And.NotBe(double.NaN);
        using Context never = _model.CreateContext(Options(null, false));
        never.OffloadThreshold.Should().Be(double.PositiveInfinity);
        never.OffloadPlan.Should().BeNull();
    }

    [Fact]
    public void A_policy_without_effect_is_refused()
    {
        ContextOptions off = Options(new OffloadPolicy(_device.Device, 1), false) with { Operations = Context.CreateRegistry().Disable(FusedMoeOp.OpName) };
        FluentActions.Invoking(() => _model.CreateContext(off)).Should().Throw<PlanningException>().WithMessage("*no effect*");
        FluentActions.Invoking(() => _model.CreateContext(Options(new OffloadPolicy(Device.Cuda(0), 1), false))).Should().Throw<PlanningException>().WithMessage("*CUDA0*");
        FluentActions.Invoking(() => _model.CreateContext(Options(new OffloadPolicy(_device.Device, 0), false))).Should().Throw<ArgumentOutOfRangeException>();
    }

    private static ContextOptions Options(OffloadPolicy? policy, bool validate) =>
        new() { Threads = 2, ContextLength = 128, MicroBatch = 64, Offload = policy, Validate = validate };

    private async Task<float[][]> Logits(OffloadPolicy? policy, int[] tokens, bool validate)
    {
        using Context context = _model.CreateContext(Options(policy, validate));
        using Session session = context.CreateSession();
        return await TestModels.LogitsOf(session, tokens);
    }

    private (long Uploaded, long Staged, ExecutionSizes Sizes) Uploaded(OffloadPolicy? policy, int tokens)
    {
        using Context context = _model.CreateContext(Options(policy, false));
        using Session session = context.CreateSession();
        long before = _device.UploadedBytes;
        session.Evaluate(TestModels.StoryTokens(_model, tokens));
        long uploaded = _device.UploadedBytes - before;
        var staging = context.OffloadPlan?.Steps.Where(step => step.Node.Operation is StageExpertsOp).ToList() ?? [];
        long perExpert = staging.Count == 0 ? 0 : staging.Sum(step => step.Node.Weights.Sum(weight => weight.SliceBytes)) / staging.Count;
        // What is not staged weights is transfers of values, whose sizes the plan states.
        long values = context.OffloadPlan?.Steps.Where(step => step.IsTransfer && ((TransferOp)step.Node.Operation).From.IsCpu)
            .Sum(step => step.Node.Inputs[0].Shape.ByteLength(new Graph.RunSize(tokens, 1, 1 + (tokens / 65), tokens))) ?? 0;
        return (uploaded, staging.Count == 0 ? 0 : uploaded - values, new ExecutionSizes(perExpert, staging.Count));
    }

    private sealed record ExecutionSizes(long BytesPerExpert, int Layers);
}
