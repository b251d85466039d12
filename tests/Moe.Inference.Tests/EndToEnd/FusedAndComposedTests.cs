using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.EndToEnd;

/// <summary>Each fused operation against its composed form, and the machine's thread counts and batch sizes against each other.</summary>
public class FusedAndComposedTests
{
    [Theory]
    [InlineData(FusedMoeOp.OpName, false, 0)]
    [InlineData(MultiAddOp.OpName, false, 0)]
    [InlineData(GatedActivationOp.OpName, false, 0)]
    // Flash attention sums over parts of the context with a running maximum, the composed form over the whole row. Compared in float32
    // arithmetic, as rounding to 8 or 16 bits turns the last bit of a float into a step.
    [InlineData(FlashAttentionOp.OpName, true, 1e-4f)]
    public async Task Switching_a_fused_operation_off_gives_the_same_logits(string operation, bool exact, float tolerance)
    {
        using Model model = TestModels.Load();
        int[] tokens = TestModels.StoryTokens(model, 150);
        ContextOptions options = new() { Threads = 2, Exact = exact, KvType = exact ? ElementType.F32 : ElementType.F16 };
        float[][] fused = await Run(model, options, tokens);
        float[][] composed = await Run(model, options with { Operations = Context.CreateRegistry().Disable(operation) }, tokens);
        ShouldBeClose(composed, fused, tolerance);
    }

    [Fact]
    public void A_switched_off_operation_is_not_in_the_plan()
    {
        using Model model = TestModels.Load();
        using Context on = model.CreateContext(new ContextOptions { Threads = 1 });
        using Context off = model.CreateContext(new ContextOptions { Threads = 1, Operations = Context.CreateRegistry().Disable(FusedMoeOp.OpName).Disable(GatedActivationOp.OpName) });
        on.Plan.Steps.Should().Contain(step => step.Node.Operation.Name == FusedMoeOp.OpName);
        off.Plan.Steps.Should().NotContain(step => step.Node.Operation.Name == FusedMoeOp.OpName || step.Node.Operation.Name == GatedActivationOp.OpName);
    }

    [Fact]
    public void Switching_off_an_unknown_operation_is_refused() =>
        FluentActions.Invoking(() => Context.CreateRegistry().Disable("fused-mow")).Should().Throw<ArgumentException>().WithMessage("*fused-mow*fused-moe*");

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    public async Task Any_number_of_threads_gives_the_same_bits(int threads)
    {
        using Model model = TestModels.Load();
        int[] tokens = TestModels.StoryTokens(model, 70);
        ShouldBeClose(await Run(model, new ContextOptions { Threads = threads }, tokens, 40, 1, 1, 28), await Run(model, new ContextOptions { Threads = 2 }, tokens, 40, 1, 1, 28), 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Any_cut_of_a_prompt_gives_the_same_bits(bool exact)
    {
        using Model model = TestModels.Load();
        int[] tokens = TestModels.StoryTokens(model, 90);
        ContextOptions options = new() { Threads = 2, Exact = exact };
        float[][] whole = await Run(model, options, tokens);
        ShouldBeClose(await Run(model, options, tokens, [.. Enumerable.Repeat(1, 90)]), whole, 0);
        ShouldBeClose(await Run(model, options, tokens, 2, 3, 17, 33, 35), whole, 0);
        ShouldBeClose(await Run(model, options with { MicroBatch = 7 }, tokens), whole, 0);
    }

    private static async Task<float[][]> Run(Model model, ContextOptions options, int[] tokens, params int[] chunks)
    {
        using Context context = model.CreateContext(options with { ContextLength = 1024 });
        using Session session = context.CreateSession();
        return await TestModels.LogitsOf(session, tokens, chunks);
    }

    private static void ShouldBeClose(float[][] actual, float[][] expected, float tolerance)
    {
        actual.Length.Should().Be(expected.Length);
        for (int row = 0; row < actual.Length; row++)
        {
            for (int i = 0; i < expected[row].Length; i++)
            {
                if (!(MathF.Abs(actual[row][i] - expected[row][i]) <= tolerance))
                    throw new Xunit.Sdk.XunitException($"position {row}, token {i}: {actual[row][i]:R} instead of {expected[row][i]:R}");
            }
        }
    }
}
