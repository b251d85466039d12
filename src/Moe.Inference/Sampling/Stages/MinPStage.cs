namespace Moe.Inference.Sampling;

/// <summary>
/// Min-p sampling (Nguyen et al. 2024, "Turning Up the Heat"): keeps candidates whose probability is at least P times that of the most
/// likely one.
/// </summary>
/// <param name="p">The P, above 0 and at most 1.</param>
internal sealed class MinPStage(float p) : ISamplerStage
{
    public void Apply(CandidateBuffer candidates)
    {
        // The most likely candidate's weight is 1.
        ReadOnlySpan<double> weights = candidates.Weights(out _);
        int kept = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] >= p)
                candidates.Move(i, kept++);
        }
        candidates.Truncate(kept);
    }
}
