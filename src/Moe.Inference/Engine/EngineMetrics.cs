using System.Diagnostics.Metrics;

namespace Moe.Inference.Engine;

/// <summary>The engine's figures, through the meter <c>Moe.Inference</c>.</summary>
internal static class EngineMetrics
{
    private static readonly Meter Meter = new("Moe.Inference");
    private static readonly Counter<long> Tokens = Meter.CreateCounter<long>("moe.engine.tokens", "{token}", "Tokens computed, prompts and generation.");
    private static readonly Histogram<int> BatchTokens = Meter.CreateHistogram<int>("moe.engine.batch.tokens", "{token}", "Tokens of a micro-batch.");
    private static readonly Histogram<double> BatchTime = Meter.CreateHistogram<double>("moe.engine.batch.duration", "s", "Time to compute a micro-batch.");

    /// <summary>Records one micro-batch.</summary>
    public static void Batch(int tokens, TimeSpan time)
    {
        Tokens.Add(tokens);
        BatchTokens.Record(tokens);
        BatchTime.Record(time.TotalSeconds);
    }
}
