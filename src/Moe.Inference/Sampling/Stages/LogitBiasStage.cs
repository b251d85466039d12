namespace Moe.Inference.Sampling;

/// <summary>
/// Adds a constant to the logits of some tokens, as <c>logit_bias</c> of the OpenAI API does; runs while position and id are the same.
/// </summary>
internal sealed class LogitBiasStage(IReadOnlyDictionary<int, float> bias) : ISamplerStage
{
    private readonly KeyValuePair<int, float>[] _bias = [.. bias];

    public void Apply(CandidateBuffer candidates)
    {
        Span<float> logits = candidates.Logits;
        foreach ((int id, float value) in _bias)
            logits[id] += value;
    }
}
