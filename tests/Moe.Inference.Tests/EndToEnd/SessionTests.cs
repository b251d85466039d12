using Moe.Inference.Sampling;
using Moe.Inference.Tensors;
using static Moe.Inference.Tests.EndToEnd.TestModels;

namespace Moe.Inference.Tests.EndToEnd;

/// <summary>Sessions through the public API, on the shipped model.</summary>
public sealed class SessionTests : IDisposable
{
    private static readonly GenerationOptions Greedy20 = new() { MaxTokens = 20, Sampling = SamplingOptions.Greedy, IgnoreEndOfGeneration = true };
    private readonly Model _model = Load();

    public void Dispose() => _model.Dispose();

    private static async Task<List<float[]>> LogitsOf(Context context, int[] tokens, Func<int, bool>? wanted)
    {
        List<float[]> result = [];
        using Session session = context.CreateSession();
        await session.EvaluateAsync(tokens, (_, logits) => result.Add(logits.ToArray()), wanted).WaitAsync(TimeSpan.FromMinutes(1));
        return result;
    }

    [Fact]
    public async Task A_second_request_computes_only_what_is_new()
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        int[] first = StoryTokens(_model, 80);
        List<GeneratedToken> answer = await Collect(session.GenerateAsync(first, Greedy20));
        session.LastStatistics.ReusedTokens.Should().Be(0);
        int[] second = [.. first, .. answer.Select(token => token.Id), .. StoryTokens(_model, 10)];
        List<GeneratedToken> again = await Collect(session.GenerateAsync(second, Greedy20));
        // The last generated token was never computed.
        session.LastStatistics.Should().Match<SessionStatistics>(statistics => statistics.PromptTokens == 110 && statistics.ReusedTokens == 99);
        using Session fresh = context.CreateSession();
        fresh.Append(second);
        Ids(again).Should().Equal(Ids(await Collect(fresh.GenerateAsync(Greedy20))));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(37)]
    [InlineData(64)]
    [InlineData(90)]
    public async Task Reusing_a_prefix_of_any_length_changes_nothing(int shared)
    {
        using Context context = Small();
        int[] story = StoryTokens(_model, 90);
        int[] other = [.. story[..shared], .. StoryTokens(_model, 50).Reverse()];
        using Session session = context.CreateSession();
        await Collect(session.GenerateAsync(story, Greedy20));
        int[] reused = Ids(await Collect(session.GenerateAsync(other, Greedy20)));
        session.LastStatistics.ReusedTokens.Should().BeGreaterThanOrEqualTo(shared);
        reused.Should().Equal(await InOwnContext(other));
    }

    [Fact]
    public async Task The_same_prompt_again_computes_one_token()
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        int[] prompt = StoryTokens(_model, 70);
        int[] first = Ids(await Collect(session.GenerateAsync(prompt, Greedy20)));
        int[] second = Ids(await Collect(session.GenerateAsync(prompt, Greedy20)));
        second.Should().Equal(first);
        session.LastStatistics.ReusedTokens.Should().Be(69);
    }

    [Theory]
    [InlineData(64)]
    [InlineData(128)]
    [InlineData(150)]
    public async Task All_wanted_logits_come_though_another_session_began_alike(int length)
    {
        using Context context = Small();
        int[] tokens = StoryTokens(_model, length);
        List<float[]> first = await LogitsOf(context, tokens, _ => true);
        first.Should().HaveCount(length);
        (await LogitsOf(context, tokens, _ => true)).Should().BeEquivalentTo(first, exact => exact.WithStrictOrdering());
        (await LogitsOf(context, tokens, index => index >= 70)).Should().HaveCount(Math.Max(0, length - 70));
        (await LogitsOf(context, tokens, null)).Should().ContainSingle().Which.Should().Equal(first[^1]);
        (await LogitsOf(context, tokens, _ => false)).Should().BeEmpty();
    }

    [Fact]
    public async Task Another_session_takes_over_whole_pages_of_the_same_beginning()
    {
        using Context context = Small();
        int[] prompt = StoryTokens(_model, 150);
        using Session first = context.CreateSession();
        await Collect(first.GenerateAsync(prompt, Greedy20));
        using Session second = context.CreateSession();
        int[] answer = Ids(await Collect(second.GenerateAsync(prompt, Greedy20)));
        second.LastStatistics.ReusedTokens.Should().Be(128);
        answer.Should().Equal(await InOwnContext(prompt));
    }

    [Theory]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(100)]
    public async Task Rewind_forgets_exactly_what_follows(int length)
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        int[] story = StoryTokens(_model, 100);
        session.Evaluate(story);
        session.Rewind(length);
        session.Tokens.Should().Equal(story[..length]);
        int[] rest = [.. StoryTokens(_model, 30).Reverse()];
        float[] after = session.Evaluate(rest);
        using Context own = Small();
        using Session fresh = own.CreateSession();
        after.Should().Equal(fresh.Evaluate([.. story[..length], .. rest]));
    }

    [Fact]
    public async Task Forks_go_their_own_ways()
    {
        using Context context = Small();
        using Session trunk = context.CreateSession();
        int[] story = StoryTokens(_model, 75);
        trunk.Evaluate(story);
        using Session fork = trunk.Fork();
        int[] left = [.. StoryTokens(_model, 12).Reverse()];
        int[] right = [.. StoryTokens(_model, 9)];
        Task<float[]> one = Task.Run(() => trunk.Evaluate(left));
        Task<float[]> two = Task.Run(() => fork.Evaluate(right));
        (await one).Should().Equal(LogitsInOwnContext([.. story, .. left]));
        (await two).Should().Equal(LogitsInOwnContext([.. story, .. right]));
    }

    [Fact]
    public async Task Sessions_at_the_same_time_do_not_disturb_each_other()
    {
        int[][] prompts = [.. Enumerable.Range(1, 6).Select(i => StoryTokens(_model, 130).Skip(i * 7).Take(13 * i).ToArray())];
        int[][] alone = [.. await Task.WhenAll(prompts.Select(InOwnContext))];
        using Context context = _model.CreateContext(new ContextOptions { Threads = 2, ContextLength = 256, KvCapacity = 2048, MicroBatch = 32 });
        Session[] sessions = [.. prompts.Select(_ => context.CreateSession())];
        int[][] together = await Task.WhenAll(prompts.Select(async (prompt, i) => Ids(await Collect(sessions[i].GenerateAsync(prompt, Greedy20)))));
        for (int i = 0; i < prompts.Length; i++)
            together[i].Should().Equal(alone[i], "session {0} must not notice the others", i);
        foreach (Session session in sessions)
            session.Dispose();
    }

    [Fact]
    public async Task Key_value_memory_of_every_type_stays_close_to_float32()
    {
        int[] story = StoryTokens(_model, 200);
        float[] reference = await Exact(ElementType.F32);
        Distance(await Exact(ElementType.F16), reference).Should().BeLessThan(0.02);
        Distance(await Exact(ElementType.Q8_0), reference).Should().BeLessThan(0.2).And.BeGreaterThan(0);

        async Task<float[]> Exact(ElementType type)
        {
            using Context context = _model.CreateContext(new ContextOptions { Threads = 2, ContextLength = 256, KvType = type, Exact = true });
            using Session session = context.CreateSession();
            return await Task.FromResult(session.Evaluate(story));
        }
    }

    [Fact]
    public async Task Cancelling_stops_generation_and_leaves_the_session_usable()
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        using CancellationTokenSource stop = new();
        int[] prompt = StoryTokens(_model, 20);
        List<int> seen = [];
        Func<Task> reading = async () =>
        {
            await foreach (GeneratedToken token in session.GenerateAsync(prompt, Greedy20 with { MaxTokens = null }, stop.Token))
            {
                seen.Add(token.Id);
                if (seen.Count == 5)
                    await stop.CancelAsync();
            }
        };
        await reading.Should().ThrowAsync<OperationCanceledException>();
        session.Tokens.Should().Equal([.. prompt, .. seen]);
        Ids(await Collect(session.GenerateAsync(prompt, Greedy20))).Should().Equal(await InOwnContext(prompt));
    }

    [Fact]
    public async Task A_reader_that_leaves_early_finds_the_conversation_as_it_read_it()
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        int[] prompt = StoryTokens(_model, 20);
        List<int> seen = [];
        await foreach (GeneratedToken token in session.GenerateAsync(prompt, Greedy20))
        {
            seen.Add(token.Id);
            await Task.Delay(20);
            if (seen.Count == 3)
                break;
        }

        session.Tokens.Should().Equal([.. prompt, .. seen]);
    }

    [Fact]
    public async Task A_slow_reader_gets_every_token()
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        int[] prompt = StoryTokens(_model, 20);
        GenerationOptions options = Greedy20 with { MaxTokens = 60 };
        List<int> seen = [];
        await foreach (GeneratedToken token in session.GenerateAsync(prompt, options))
        {
            seen.Add(token.Id);
            await Task.Delay(2);
        }

        seen.Should().HaveCount(60);
        session.Tokens.Should().Equal([.. prompt, .. seen]);
    }

    [Fact]
    public async Task A_second_request_while_one_runs_is_refused()
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        await using IAsyncEnumerator<GeneratedToken> running = session.GenerateAsync(StoryTokens(_model, 5), Greedy20).GetAsyncEnumerator();
        (await running.MoveNextAsync()).Should().BeTrue();
        FluentActions.Invoking(() => session.Rewind(0)).Should().Throw<InvalidOperationException>().WithMessage("*another request*");
        await FluentActions.Awaiting(async () => await Collect(session.GenerateAsync(Greedy20))).Should().ThrowAsync<InvalidOperationException>();
    }

    [Fact]
    public async Task Stop_strings_end_generation_and_are_not_returned()
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        string whole = Text(await Collect(session.GenerateAsync(Story, Greedy20 with { MaxTokens = 40 })));
        // Cut across token borders: from the middle of one word to the middle of another.
        string stop = whole.Substring(whole.Length / 2, 7);
        List<GeneratedToken> tokens = await Collect(session.GenerateAsync(Story, Greedy20 with { MaxTokens = 40, StopStrings = [stop] }));
        Text(tokens).Should().Be(whole[..whole.IndexOf(stop, StringComparison.Ordinal)]);
        tokens[^1].FinishReason.Should().Be(FinishReason.StopString);
        tokens[..^1].Should().OnlyContain(token => token.FinishReason == null);
    }

    [Fact]
    public async Task The_model_ends_its_turn()
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        int[] prompt = _model.Tokenizer.Encode("<|im_start|>user\nTell me a story about a cat.<|im_end|>\n<|im_start|>assistant\n", parseSpecial: true);
        List<GeneratedToken> tokens = await Collect(session.GenerateAsync(prompt, new GenerationOptions { Sampling = SamplingOptions.Greedy, MaxTokens = 400 }));
        tokens[^1].FinishReason.Should().Be(FinishReason.EndOfGeneration);
        tokens[^1].Text.Should().BeEmpty();
        Text(tokens).Should().NotContain("<|");
    }

    [Fact]
    public async Task Log_probabilities_are_those_of_the_model()
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        int[] prompt = StoryTokens(_model, 30);
        List<GeneratedToken> tokens = await Collect(session.GenerateAsync(prompt, new GenerationOptions { MaxTokens = 3, Sampling = new SamplingOptions { Seed = 7, TopLogProbs = 2 } }));
        using Session check = context.CreateSession();
        float[] logits = check.Evaluate(prompt);
        double expected = logits[tokens[0].Id] - Math.Log(logits.Sum(x => Math.Exp(x)));
        ((double)tokens[0].LogProbability).Should().BeApproximately(expected, 1e-4);
        tokens[0].Alternatives.Should().HaveCount(2);
        tokens[0].Alternatives[0].Id.Should().Be(Array.IndexOf(logits, logits.Max()));
    }

    [Fact]
    public async Task A_seed_repeats_and_another_differs()
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        async Task<int[]> With(ulong seed) => Ids(await Collect(session.GenerateAsync(Story, new GenerationOptions { MaxTokens = 30, IgnoreEndOfGeneration = true, Sampling = new SamplingOptions { Temperature = 1.2f, Seed = seed } })));
        int[] first = await With(1);
        (await With(1)).Should().Equal(first);
        (await With(2)).Should().NotEqual(first);
    }

    private static int[] Ids(List<GeneratedToken> tokens) => [.. tokens.Select(token => token.Id)];

    private static string Text(List<GeneratedToken> tokens) => string.Concat(tokens.Select(token => token.Text));

    private static double Distance(float[] a, float[] b) => a.Zip(b).Max(pair => Math.Abs(pair.First - (double)pair.Second));

    private Context Small() => _model.CreateContext(new ContextOptions { Threads = 2, ContextLength = 512 });

    private async Task<int[]> InOwnContext(int[] prompt)
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        return Ids(await Collect(session.GenerateAsync(prompt, Greedy20)));
    }

    private float[] LogitsInOwnContext(int[] tokens)
    {
        using Context context = Small();
        using Session session = context.CreateSession();
        return session.Evaluate(tokens);
    }
}
