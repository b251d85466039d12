namespace Moe.Inference.Sampling;

/// <summary>A token and how likely the model itself found it.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">
/// Natural logarithm of its probability: log-softmax of the unmodified logits. At most 0; negative infinity for a token that the model
/// forbids.
/// </param>
public readonly record struct TokenLogProbability(int Id, float LogProbability);

/// <summary>What <see cref="Sampler.Sample"/> chose.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">
/// Natural logarithm of the probability that the model gave it, before penalties, filters and temperature: log-softmax of the unmodified
/// logits.
/// </param>
/// <param name="Alternatives">
/// The <see cref="SamplingOptions.TopLogProbs"/> tokens that the model found most likely, best first, ties by lower id; empty if none were
/// asked for. The chosen token need not be among them.
/// </param>
public readonly record struct SampledToken(int Id, float LogProbability, IReadOnlyList<TokenLogProbability> Alternatives);
