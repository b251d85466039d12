namespace Moe.Inference;

/// <summary>
/// Logits hold a NaN or a positive infinity, so that they describe no distribution: the model's computation, or a logit processor, went
/// wrong.
/// </summary>
public sealed class InvalidLogitsException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="origin">Who produced the logits, as the start of a sentence: "the model".</param>
    /// <param name="tokenId">The first token whose logit is invalid.</param>
    /// <param name="value">That logit.</param>
    public InvalidLogitsException(string origin, int tokenId, float value)
        : base(FormattableString.Invariant(
            $"{origin} gave token {tokenId} the logit {value}; a logit must be finite, or negative infinity for a forbidden token"))
    {
        TokenId = tokenId;
        Value = value;
    }

    /// <summary>The first token whose logit is invalid.</summary>
    public int TokenId { get; }

    /// <summary>The invalid logit: NaN or positive infinity.</summary>
    public float Value { get; }
}
