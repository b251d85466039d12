namespace Moe.Inference.Sampling;

/// <summary>
/// Keeps the k candidates of greatest logit (Fan et al. 2018, "Hierarchical Neural Story Generation"); of equal ones the lower id.
/// </summary>
/// <param name="k">How many to keep, at least 1.</param>
internal sealed class TopKStage(int k) : ISamplerStage
{
    private readonly TopSelection _best = new(k);

    public void Apply(CandidateBuffer candidates)
    {
        int kept = 0;
        foreach (int position in _best.Find(candidates.Logits))
            candidates.Move(position, kept++);
        candidates.Truncate(kept);
    }
}
