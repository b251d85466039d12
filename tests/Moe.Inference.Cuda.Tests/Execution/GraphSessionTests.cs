using Moe.Inference.Placement;
using Moe.Inference.Sampling;

namespace Moe.Inference.Cuda.Tests.Execution;

/// <summary>Generation by graphs gives what single launches give.</summary>
public class GraphSessionTests
{
    private const int Generated = 10;

    // Of key/value memory.
    private const int PageLength = 64;

    private static readonly string[] Beginnings = ["Once upon a time there was a little girl named Lily.", "One day, Tom and his dog went to the park to play with a big red ball"];

    [SkippableFact]
    public async Task Sessions_taking_turns_and_at_the_same_time_give_what_each_gives_alone()
    {
        WatchedGpu gpu = new(TestGpu.Require());
        using Model model = Load(gpu);
        using Context context = model.CreateContext(new ContextOptions { ContextLength = 128, KvCapacity = 512 });
        List<(int, float)>[] alone = [await Generate(context, Beginnings[0]), await Generate(context, Beginnings[1])];

        long launched = gpu.Launched;
        List<(int, float)>[] turns = [[], []];
        await using (IAsyncEnumerator<GeneratedToken> first = Start(context, Beginnings[0]), second = Start(context, Beginnings[1]))
        {
            for (int i = 0; i < Generated; i++)
            {
                await Next(first, turns[0]);
                await Next(second, turns[1]);
            }
        }

        Tokens(turns[0]).Should().Equal(Tokens(alone[0]));
        Tokens(turns[1]).Should().Equal(Tokens(alone[1]));

        List<(int, float)>[] together = await Task.WhenAll(Beginnings.Select(beginning => Task.Run(() => Generate(context, beginning))));
        Tokens(together[0]).Should().Equal(Tokens(alone[0]));
        Tokens(together[1]).Should().Equal(Tokens(alone[1]));
        gpu.Launched.Should().BeGreaterThan(launched, "graphs were replayed");
    }

    [SkippableFact]
    public async Task A_context_that_grows_beyond_powers_of_two_gives_the_numbers_of_single_launches()
    {
        CudaDevice device = TestGpu.Require();
        // The emulator takes seconds for some hundred tokens.
        int[] starts = TestGpu.IsEmulated ? [252] : [252, 508];
        WatchedGpu byGraphs = new(device), one = new(device, usesGraphs: false);
        List<(int, float)> expected = await Grow(one, starts), actual = await Grow(byGraphs, starts);
        actual.Should().Equal(expected);
        one.Launched.Should().Be(0);
        byGraphs.Launched.Should().BeGreaterThan(starts.Length * Generated / 2, "most tokens came by graphs");
        byGraphs.Captured.Should().BeGreaterThanOrEqualTo(2, "attention is cut anew beyond {0} tokens", 256);
    }

    [SkippableFact]
    public async Task A_page_more_needs_no_other_graph()
    {
        WatchedGpu gpu = new(TestGpu.Require());
        using Model model = Load(gpu);
        using Context context = model.CreateContext(new ContextOptions { ContextLength = 256 });
        int[] story = model.Tokenizer.Encode(string.Concat(Enumerable.Repeat(string.Join(' ', Beginnings), 4)));
        using Session session = context.CreateSession();
        session.SetTokens(story.AsSpan(0, PageLength - (Generated / 2)));
        long before = 0;
        int generated = 0;
        await foreach (GeneratedToken _ in session.GenerateAsync(Greedy(Generated)))
        {
            // The third token comes by the graph of the second.
            if (++generated == 3)
                before = gpu.Captured;
        }

        session.ComputedTokens.Should().BeGreaterThan(PageLength);
        gpu.Captured.Should().Be(before);
    }

    // Each start twice, so that what the first captures the second replays.
    private static async Task<List<(int, float)>> Grow(WatchedGpu gpu, int[] starts)
    {
        using Model model = Load(gpu);
        using Context context = model.CreateContext(new ContextOptions { ContextLength = starts.Max() + Generated, MicroBatch = 256 });
        int[] story = model.Tokenizer.Encode(string.Concat(Enumerable.Repeat(string.Join(' ', Beginnings), 1 + (starts.Max() / 20))));
        List<(int, float)> tokens = [];
        using Session session = context.CreateSession();
        foreach (int start in starts)
        {
            for (int i = 0; i < 2; i++)
            {
                await foreach (GeneratedToken token in session.GenerateAsync(story.AsMemory(0, start), Greedy(Generated)))
                    tokens.Add((token.Id, token.LogProbability));
            }
        }

        return tokens;
    }

    private static Model Load(WatchedGpu gpu) => Model.Load(ShippedModel.Path, new ModelOptions { Devices = [gpu], Placement = DevicePlacement.On(gpu.Device) });

    private static GenerationOptions Greedy(int count) => new() { MaxTokens = count, Sampling = SamplingOptions.Greedy with { TopLogProbs = 1 }, IgnoreEndOfGeneration = true };

    private static async Task<List<(int, float)>> Generate(Context context, string beginning)
    {
        List<(int, float)> tokens = [];
        await using IAsyncEnumerator<GeneratedToken> generation = Start(context, beginning);
        for (int i = 0; i < Generated; i++)
            await Next(generation, tokens);
        return tokens;
    }

    private static async IAsyncEnumerator<GeneratedToken> Start(Context context, string beginning)
    {
        using Session session = context.CreateSession();
        await foreach (GeneratedToken token in session.GenerateAsync(beginning, Greedy(Generated)))
            yield return token;
    }

    private static async Task Next(IAsyncEnumerator<GeneratedToken> generation, List<(int, float)> tokens)
    {
        (await generation.MoveNextAsync()).Should().BeTrue();
        tokens.Add((generation.Current.Id, generation.Current.LogProbability));
    }

    private static int[] Tokens(List<(int Id, float)> generated) => [.. generated.Select(token => token.Id)];
}
