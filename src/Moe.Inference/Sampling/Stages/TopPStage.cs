namespace Moe.Inference.Sampling;

/// <summary>
/// Nucleus sampling (Holtzman et al. 2019, "The Curious Case of Neural Text Degeneration"): keeps the fewest most likely candidates whose
/// probabilities sum to at least P; of equally likely ones the lower id.
/// </summary>
/// <param name="p">The P, from 0 to below 1.</param>
/// <param name="capacity">Candidates at most.</param>
internal sealed class TopPStage(float p, int capacity) : ISamplerStage
{
    private readonly RankedWeight[] _entries = new RankedWeight[capacity];

    public void Apply(CandidateBuffer candidates)
    {
        Span<float> logits = candidates.Logits;
        ReadOnlySpan<double> weights = candidates.Weights(out double total);

        // All n candidates below (1 − P)/n together hold less than 1 − P, so the others reach P without them.
        double negligible = total * (1 - (double)p) / weights.Length * 0.999;
        int count = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] > negligible)
                _entries[count++] = new(-logits[i], i, weights[i]);
        }
        RankedWeight last = MassSelection.Last(_entries.AsSpan(0, count), p * total);

        int kept = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (-logits[i] < last.Rank || (-logits[i] == last.Rank && i <= last.Position))
                candidates.Move(i, kept++);
        }
        candidates.Truncate(kept);
    }
}
