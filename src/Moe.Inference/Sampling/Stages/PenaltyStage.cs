namespace Moe.Inference.Sampling;

/// <summary>
/// Makes tokens that occur c ≥ 1 times in the window less likely; runs while position and id are the same. First, with repetition penalty
/// r, x ← x / r if x &gt; 0, else x · r (Keskar et al. 2019, "CTRL", section 4.1, which divides only; multiplying negative logits, as is
/// now usual, keeps r &gt; 1 a penalty for them). Then, with frequency penalty f and presence penalty p, x ← x − c·f − p (OpenAI API
/// reference).
/// </summary>
internal sealed class PenaltyStage(float repetition, float frequency, float presence, TokenHistory history) : ISamplerStage
{
    public void Apply(CandidateBuffer candidates)
    {
        Span<float> logits = candidates.Logits;
        foreach ((int id, int count) in history.Counts)
        {
            float logit = logits[id];
            logit = logit > 0 ? logit / repetition : logit * repetition;
            logits[id] = logit - (count * frequency) - presence;
        }
    }
}
