using System.Diagnostics;
using Moe.Inference.Sampling;

namespace Moe.Inference.Bench.Speed;

/// <summary>
/// All conversations together generate the likeliest tokens. Each begins with the last token of a computed prompt to be computed again, so
/// that every token generated is one step of generation, the first as well.
/// </summary>
internal sealed class GenerationMeasurement : Measurement
{
    private readonly List<Session> _sessions = [];
    private readonly RunClock _clock = new();
    private readonly GenerationOptions _options;
    private readonly int _start;

    private GenerationMeasurement(SpeedSettings settings)
        : base(settings.Generate * settings.Parallel)
    {
        _start = Math.Max(1, settings.Depth);
        _options = new GenerationOptions { MaxTokens = settings.Generate, Sampling = SamplingOptions.Greedy, IgnoreEndOfGeneration = true };
    }

    /// <summary>The mean time of the engine's runs in the last run, in milliseconds.</summary>
    public double PlanRunMilliseconds { get; private set; }

    /// <summary>Makes it ready.</summary>
    public static async Task<GenerationMeasurement> CreateAsync(Context context, SpeedSettings settings, RandomTokens random, CancellationToken cancellationToken)
    {
        GenerationMeasurement measurement = new(settings);
        for (int i = 0; i < settings.Parallel; i++)
        {
            Session session = context.CreateSession();
            measurement._sessions.Add(session);
            await session.EvaluateAsync(random.Take(measurement._start), (_, _) => { }, cancellationToken: cancellationToken);
        }

        return measurement;
    }

    /// <inheritdoc/>
    public override async Task<TimeSpan> RunAsync(CancellationToken cancellationToken)
    {
        _clock.TakeMean();
        Stopwatch watch = Stopwatch.StartNew();
        await Task.WhenAll(_sessions.Select(session => DrainAsync(session, cancellationToken)));
        watch.Stop();
        PlanRunMilliseconds = _clock.TakeMean();
        foreach (Session session in _sessions)
            session.Rewind(_start);
        return watch.Elapsed;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _clock.Dispose();
        foreach (Session session in _sessions)
            session.Dispose();
    }

    private async Task DrainAsync(Session session, CancellationToken cancellationToken)
    {
        await foreach (GeneratedToken _ in session.GenerateAsync(_options, cancellationToken))
        {
        }
    }
}
