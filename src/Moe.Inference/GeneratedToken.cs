using Moe.Inference.Sampling;

namespace Moe.Inference;

/// <summary>Why generation ended.</summary>
public enum FinishReason
{
    /// <summary>The model ended its turn.</summary>
    EndOfGeneration,

    /// <summary>A stop string was met.</summary>
    StopString,

    /// <summary>As many tokens as asked for were generated.</summary>
    MaxTokens,

    /// <summary>The context is full.</summary>
    ContextFull,
}

/// <summary>One generated token.</summary>
/// <param name="Id">The token.</param>
/// <param name="Text">
/// The text that became certain with this token: whole characters only, nothing that may yet become part of a stop string, and nothing for
/// control tokens. The texts of all tokens together are the answer.
/// </param>
/// <param name="LogProbability">Natural logarithm of the model's probability of the token, before any sampling option.</param>
/// <param name="Alternatives">The likeliest tokens, as many as asked for, likeliest first.</param>
/// <param name="FinishReason">Why generation ends with this token, or null.</param>
public sealed record GeneratedToken(int Id, string Text, float LogProbability, IReadOnlyList<TokenLogProbability> Alternatives, FinishReason? FinishReason);
