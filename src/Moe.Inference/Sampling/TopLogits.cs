using Moe.Inference.Tensors;

namespace Moe.Inference.Sampling;

/// <summary>The greatest logits of a row, and what the others add to the normalizer: all that most ways of choosing need.</summary>
/// <param name="total">Σ e^(x − greatest) over the whole row; 0 if the row is not fit for use, or nothing is known of it.</param>
/// <param name="logits">The greatest logits in descending order, of equal ones the lower token first.</param>
/// <param name="tokens">Their tokens, as numbers; −1 where there are no more.</param>
internal readonly ref struct TopLogits(double total, ReadOnlySpan<float> logits, ReadOnlySpan<float> tokens)
{
    private readonly ReadOnlySpan<float> _tokens = tokens;

    /// <summary>How many were looked for.</summary>
    public int Capacity => _tokens.Length;

    /// <summary>Whether there is something to choose from. If not, the whole row says why.</summary>
    public bool IsUsable => total > 0;

    /// <summary>The greatest logits.</summary>
    public ReadOnlySpan<float> Logits { get; } = logits;

    /// <summary>ln Σ e^x over the whole row, within about 1e-6.</summary>
    public double Normalizer => LogSoftmax.LogSumExp(Logits[0], total);

    /// <summary>How many there are, at the most so many.</summary>
    public int Count(int most)
    {
        int count = 0;
        while (count < Math.Min(most, _tokens.Length) && _tokens[count] >= 0)
            count++;
        return count;
    }

    /// <summary>The token at a place.</summary>
    public int TokenAt(int place) => (int)_tokens[place];

    /// <summary>The logit of a token that is among them.</summary>
    public float LogitOf(int token) => Logits[_tokens.IndexOf(token)];
}
