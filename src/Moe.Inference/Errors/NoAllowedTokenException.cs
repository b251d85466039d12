namespace Moe.Inference;

/// <summary>Every token of the vocabulary is forbidden (its logit is negative infinity), so that none can be sampled.</summary>
public sealed class NoAllowedTokenException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="origin">Who forbade them, as the start of a sentence: "the model".</param>
    public NoAllowedTokenException(string origin)
        : base($"{origin} forbade every token of the vocabulary: all logits are negative infinity")
    {
    }
}
