namespace Moe.Inference.Sampling;

/// <summary>
/// Locally typical sampling (Meister et al. 2022, "Locally Typical Sampling"): keeps the fewest candidates whose probabilities sum to at
/// least P, taking first those whose information content −ln p is nearest to the entropy H; of equally near ones the lower id. With p = e^x
/// / Z, both −ln p and H contain ln Z, so that |−ln p − H| = |x − E[x]|: the distance of the logit from the expected logit.
/// </summary>
/// <param name="p">The P, from 0 to below 1.</param>
/// <param name="capacity">Candidates at most.</param>
internal sealed class TypicalStage(float p, int capacity) : ISamplerStage
{
    private readonly RankedWeight[] _entries = new RankedWeight[capacity];

    public void Apply(CandidateBuffer candidates)
    {
        Span<float> logits = candidates.Logits;
        ReadOnlySpan<double> weights = candidates.Weights(out double total);
        double expected = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            // A forbidden candidate would add 0 times infinity.
            if (weights[i] > 0)
                expected += weights[i] / total * logits[i];
        }

        int count = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] > 0)
                _entries[count++] = new(Math.Abs(logits[i] - expected), i, weights[i]);
        }
        RankedWeight last = MassSelection.Last(_entries.AsSpan(0, count), p * total);

        int kept = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] > 0 && new RankedWeight(Math.Abs(logits[i] - expected), i, 0).CompareTo(last) <= 0)
                candidates.Move(i, kept++);
        }
        candidates.Truncate(kept);
    }
}
