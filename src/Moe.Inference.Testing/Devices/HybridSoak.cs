namespace Moe.Inference.Testing;

/// <summary>
/// Runs random combinations of placement, switches and requests over simulated devices, with random pauses on their queues, and compares
/// all logits with those of the host alone: bit for bit, and within 1e-5 of the largest logit where the experts of a layer are split.
/// </summary>
public static class HybridSoak
{
    /// <summary>Runs combinations. What a combination is depends on the seed and its number only.</summary>
    /// <param name="modelPath">A GGUF file.</param>
    /// <param name="count">Combinations.</param>
    /// <param name="seed">Where random numbers start.</param>
    /// <param name="log">Told about progress and failures.</param>
    /// <param name="first">The number of the first combination, to run one again.</param>
    /// <param name="cancellationToken">Stops between combinations.</param>
    public static async Task<HybridSoakResult> RunAsync(string modelPath, int count, int seed, TextWriter log, int first = 0, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(modelPath);
        ArgumentNullException.ThrowIfNull(log);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        using SoakRun run = new(modelPath, seed, log);
        return await run.RunAsync(first, count, cancellationToken).ConfigureAwait(false);
    }
}
