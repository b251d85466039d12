using Moe.Inference.Cpu.Threading;
using Moe.Inference.Sampling;
using Moe.Inference.Tensors;
using static Moe.Inference.Tests.EndToEnd.TestModels;

namespace Moe.Inference.Tests.EndToEnd;

/// <summary>What happens at the edges: full contexts, absurd options, disposal in any order.</summary>
public sealed class ContextLimitTests : IDisposable
{
    private static readonly GenerationOptions Greedy = new() { Sampling = SamplingOptions.Greedy, IgnoreEndOfGeneration = true };
    private readonly Model _model = Load();

    public void Dispose() => _model.Dispose();

    [Fact]
    public async Task A_full_context_throws_by_default_after_the_last_token_that_fits()
    {
        using Context context = Of(40);
        using Session session = context.CreateSession();
        List<int> seen = [];
        Func<Task> reading = async () =>
        {
            await foreach (GeneratedToken token in session.GenerateAsync(StoryTokens(_model, 30), Greedy))
                seen.Add(token.Id);
        };
        (await reading.Should().ThrowAsync<ContextOverflowException>()).Which.Capacity.Should().Be(40);
        seen.Should().HaveCount(10);
        session.Tokens.Should().HaveCount(40);
    }

    [Fact]
    public async Task A_full_context_stops_if_asked()
    {
        using Context context = Of(40);
        using Session session = context.CreateSession();
        List<GeneratedToken> tokens = await Collect(session.GenerateAsync(StoryTokens(_model, 30), Greedy with { Overflow = OverflowPolicy.Stop }));
        tokens.Should().HaveCount(10);
        tokens[^1].FinishReason.Should().Be(FinishReason.ContextFull);
    }

    [Fact]
    public async Task A_full_context_slides_if_asked()
    {
        using Context context = Of(40);
        using Session session = context.CreateSession();
        int[] prompt = StoryTokens(_model, 30);
        List<GeneratedToken> tokens = await Collect(session.GenerateAsync(prompt, Greedy with { Overflow = OverflowPolicy.Slide, KeepTokens = 4, MaxTokens = 100 }));
        tokens.Should().HaveCount(100);
        session.Tokens.Count.Should().BeLessThanOrEqualTo(40);
        session.Tokens.Take(4).Should().Equal(prompt[..4]);
        // What is left is the end of what was generated, and its memory is that of a fresh evaluation.
        int[] left = [.. session.Tokens];
        left[^10..].Should().Equal(tokens.Select(token => token.Id).TakeLast(10));
        session.Rewind(left.Length - 1);
        float[] logits = session.Evaluate([left[^1]]);
        using Context own = Of(40);
        using Session fresh = own.CreateSession();
        logits.Should().Equal(fresh.Evaluate(left));
    }

    [Fact]
    public void A_prompt_longer_than_the_context_is_refused_before_anything_is_computed()
    {
        using Context context = Of(40);
        using Session session = context.CreateSession();
        FluentActions.Invoking(() => session.Evaluate(StoryTokens(_model, 41))).Should().Throw<ContextOverflowException>().Which.Wanted.Should().Be(41);
        session.Tokens.Should().BeEmpty();
        session.Evaluate(StoryTokens(_model, 40)).Should().NotBeEmpty();
    }

    [Fact]
    public void Sessions_that_hold_all_memory_make_others_fail_and_not_themselves()
    {
        using Context context = _model.CreateContext(new ContextOptions { Threads = 1, ContextLength = 128, KvCapacity = 128 });
        Session hog = context.CreateSession();
        hog.Evaluate([.. StoryTokens(_model, 120).Reverse()]);
        using Session late = context.CreateSession();
        FluentActions.Invoking(() => late.Evaluate(StoryTokens(_model, 100))).Should().Throw<ContextOverflowException>().WithMessage("*KvCapacity*");
        hog.Evaluate(StoryTokens(_model, 8)).Should().NotBeEmpty();
        hog.Dispose();
        late.Rewind(0);
        late.Evaluate(StoryTokens(_model, 100)).Should().NotBeEmpty();
    }

    [Fact]
    public void Tokens_outside_the_vocabulary_are_refused()
    {
        using Context context = Of(40);
        using Session session = context.CreateSession();
        FluentActions.Invoking(() => session.Append([4096])).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => session.Append([-1])).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => session.Evaluate([])).Should().Throw<ArgumentException>();
    }

    [Fact]
    public async Task An_empty_conversation_cannot_be_continued()
    {
        using Context context = Of(40);
        using Session session = context.CreateSession();
        await FluentActions.Awaiting(async () => await Collect(session.GenerateAsync(Greedy))).Should().ThrowAsync<InvalidOperationException>();
    }

    public static TheoryData<string, ContextOptions> AbsurdOptions => new()
    {
        { nameof(ContextOptions.ContextLength), new ContextOptions { ContextLength = 0 } },
        { nameof(ContextOptions.KvCapacity), new ContextOptions { KvCapacity = -5 } },
        { nameof(ContextOptions.Threads), new ContextOptions { Threads = 0 } },
        { nameof(ContextOptions.Threads), new ContextOptions { Threads = 100_000 } },
        { nameof(ContextOptions.Threading), new ContextOptions { Threading = new ThreadOptions { Generation = 0 } } },
        { nameof(ContextOptions.Threading), new ContextOptions { Threading = new ThreadOptions { Prompts = 1025 } } },
        { nameof(ContextOptions.Threading), new ContextOptions { Threading = new ThreadOptions { Affinity = ThreadAffinity.Processors(65_000) } } },
        { nameof(ContextOptions.Threading), new ContextOptions { Threads = 2, Threading = new ThreadOptions { Affinity = ThreadAffinity.Processors(ThreadPinning.Allowed![0]) } } },
        { nameof(ContextOptions.Threading), new ContextOptions { Threads = 1000, Threading = new ThreadOptions { Affinity = ThreadAffinity.PhysicalCores } } },
        { nameof(ContextOptions.MicroBatch), new ContextOptions { MicroBatch = 0 } },
        { nameof(ContextOptions.MicroBatch), new ContextOptions { MicroBatch = int.MaxValue } },
        { nameof(ContextOptions.KvType), new ContextOptions { KvType = ElementType.Q4_K } },
    };

    [Theory]
    [MemberData(nameof(AbsurdOptions))]
    public void Absurd_context_options_are_refused_by_name(string name, ContextOptions options) =>
        FluentActions.Invoking(() => _model.CreateContext(options)).Should().Throw<ArgumentOutOfRangeException>().Which.ParamName.Should().Be(name);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, -1)]
    public async Task Absurd_generation_options_are_refused(int maxTokens, int keep)
    {
        using Context context = Of(40);
        using Session session = context.CreateSession();
        await FluentActions.Awaiting(async () => await Collect(session.GenerateAsync(Story, new GenerationOptions { MaxTokens = maxTokens, KeepTokens = keep })))
            .Should().ThrowAsync<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task Things_may_be_disposed_in_any_order()
    {
        Model model = Load();
        Context context = model.CreateContext(new ContextOptions { Threads = 2, ContextLength = 256 });
        Session session = context.CreateSession();
        model.Dispose();
        session.Evaluate(StoryTokens(_model, 10)).Should().NotBeEmpty("a context keeps its model's memory");
        FluentActions.Invoking(() => model.CreateContext()).Should().Throw<ObjectDisposedException>();
        await using IAsyncEnumerator<GeneratedToken> running = session.GenerateAsync(Greedy).GetAsyncEnumerator();
        await running.MoveNextAsync();
        context.Dispose();
        Func<Task> rest = async () =>
        {
            while (await running.MoveNextAsync())
            {
            }
        };
        await rest.Should().ThrowAsync<ObjectDisposedException>();
        session.Dispose();
        session.Dispose();
        context.Dispose();
        FluentActions.Invoking(context.CreateSession).Should().Throw<ObjectDisposedException>();
    }

    private Context Of(int length) => _model.CreateContext(new ContextOptions { Threads = 2, ContextLength = length });
}
