namespace Moe.Inference.Sampling;

/// <summary>
/// Changes logits before anything else in the sampler looks at them: a grammar, a watermark, a classifier's guidance.
/// It works on a copy, so that reported log-probabilities stay the model's own.
/// </summary>
public interface ILogitProcessor
{
    /// <summary>
    /// Changes the logits of the next token in place; negative infinity forbids a token. Called once for each token sampled.
    /// </summary>
    /// <param name="tokensSoFar">Every token accepted so far, prompt included, oldest first.</param>
    /// <param name="logits">One logit for each token of the vocabulary. Neither NaN nor positive infinity may be left in it.</param>
    void Process(ReadOnlySpan<int> tokensSoFar, Span<float> logits);

    /// <summary>
    /// The instance that a new or cloned <see cref="Sampler"/> is to use. A processor that keeps state between calls returns a copy,
    /// so that samplers do not disturb each other; a stateless one, as by default, returns itself.
    /// </summary>
    ILogitProcessor Fork() => this;
}
