using System.Diagnostics;
using Moe.Inference.Sampling;

namespace Moe.Inference.Bench.Speed;

/// <summary>
/// Measures prompts and generation. Tokens are random, and differ from run to run, so that nothing is found in memory; conversations are
/// rewound between runs.
/// </summary>
internal sealed class SpeedRun(Context context, SpeedSettings settings)
{
    private readonly int _vocabulary = context.Model.Tokenizer.VocabularySize;
    private Xoshiro256 _random = new(settings.Seed);

    /// <summary>The mean time of the engine's runs in the last generation, in milliseconds.</summary>
    public double GenerationRunMilliseconds { get; private set; }

    /// <summary>The speed at which one conversation's prompt is computed.</summary>
    public async Task<SpeedFigures> PromptAsync(CancellationToken cancellationToken)
    {
        using Session session = context.CreateSession();
        if (settings.Depth > 0)
            await EvaluateAsync(session, settings.Depth, cancellationToken);
        return await MeasureAsync(settings.Prompt, async () =>
        {
            int[] prompt = RandomTokens(settings.Prompt);
            Stopwatch watch = Stopwatch.StartNew();
            await session.EvaluateAsync(prompt, (_, _) => { }, cancellationToken: cancellationToken);
            watch.Stop();
            session.Rewind(settings.Depth);
            return watch.Elapsed;
        });
    }

    /// <summary>
    /// The speed at which all conversations together generate the likeliest tokens. Each begins with the last token of a computed prompt to be
    /// computed again, so that every token generated is one step of generation, the first as well.
    /// </summary>
    public async Task<SpeedFigures> GenerateAsync(CancellationToken cancellationToken)
    {
        int start = Math.Max(1, settings.Depth);
        GenerationOptions options = new() { MaxTokens = settings.Generate, Sampling = SamplingOptions.Greedy, IgnoreEndOfGeneration = true };
        Session[] sessions = [.. Enumerable.Range(0, settings.Parallel).Select(_ => context.CreateSession())];
        try
        {
            foreach (Session session in sessions)
                await EvaluateAsync(session, start, cancellationToken);
            using RunClock clock = new();
            return await MeasureAsync(settings.Generate * settings.Parallel, async () =>
            {
                clock.TakeMean();
                Stopwatch watch = Stopwatch.StartNew();
                await Task.WhenAll(sessions.Select(session => DrainAsync(session, options, cancellationToken)));
                watch.Stop();
                GenerationRunMilliseconds = clock.TakeMean();
                foreach (Session session in sessions)
                    session.Rewind(start);
                return watch.Elapsed;
            });
        }
        finally
        {
            foreach (Session session in sessions)
                session.Dispose();
        }
    }

    private static async Task DrainAsync(Session session, GenerationOptions options, CancellationToken cancellationToken)
    {
        await foreach (GeneratedToken _ in session.GenerateAsync(options, cancellationToken))
        {
        }
    }

    private async Task<SpeedFigures> MeasureAsync(int tokens, Func<Task<TimeSpan>> run)
    {
        await run();
        double[] speeds = new double[settings.Runs];
        for (int i = 0; i < speeds.Length; i++)
            speeds[i] = tokens / (await run()).TotalSeconds;
        return new SpeedFigures(tokens, speeds);
    }

    private Task EvaluateAsync(Session session, int count, CancellationToken cancellationToken) =>
        session.EvaluateAsync(RandomTokens(count), (_, _) => { }, cancellationToken: cancellationToken);

    private int[] RandomTokens(int count)
    {
        int[] tokens = new int[count];
        for (int i = 0; i < count; i++)
            tokens[i] = (int)(_random.Next() % (ulong)_vocabulary);
        return tokens;
    }
}
