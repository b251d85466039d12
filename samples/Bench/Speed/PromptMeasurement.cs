using System.Diagnostics;

namespace Moe.Inference.Bench.Speed;

/// <summary>The prompt of one conversation.</summary>
internal sealed class PromptMeasurement : Measurement
{
    private readonly Session _session;
    private readonly RandomTokens _random;
    private readonly int _depth;

    private PromptMeasurement(Session session, RandomTokens random, int tokens, int depth)
        : base(tokens) => (_session, _random, _depth) = (session, random, depth);

    /// <summary>Makes it ready.</summary>
    public static async Task<PromptMeasurement> CreateAsync(Context context, SpeedSettings settings, RandomTokens random, CancellationToken cancellationToken)
    {
        Session session = context.CreateSession();
        if (settings.Depth > 0)
            await session.EvaluateAsync(random.Take(settings.Depth), (_, _) => { }, cancellationToken: cancellationToken);
        return new PromptMeasurement(session, random, settings.Prompt, settings.Depth);
    }

    /// <inheritdoc/>
    public override async Task<TimeSpan> RunAsync(CancellationToken cancellationToken)
    {
        int[] prompt = _random.Take(Tokens);
        Stopwatch watch = Stopwatch.StartNew();
        await _session.EvaluateAsync(prompt, (_, _) => { }, cancellationToken: cancellationToken);
        watch.Stop();
        _session.Rewind(_depth);
        return watch.Elapsed;
    }

    /// <inheritdoc/>
    public override void Dispose() => _session.Dispose();
}
