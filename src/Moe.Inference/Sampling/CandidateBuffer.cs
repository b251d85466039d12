using System.Numerics.Tensors;

namespace Moe.Inference.Sampling;

/// <summary>
/// The tokens that may still be sampled and their logits, always in ascending order of token id. It begins as the whole vocabulary, where
/// position and id are the same; filters move what they keep to the front. Reused from token to token.
/// </summary>
/// <param name="vocabularySize">Tokens in the vocabulary.</param>
/// <param name="mostSelected">
/// How many candidates are left, at most, when the first filter is done; weights are asked for only after it.
/// </param>
internal sealed class CandidateBuffer(int vocabularySize, int mostSelected)
{
    private readonly float[] _logits = new float[vocabularySize];
    private readonly int[] _ids = new int[mostSelected];
    private readonly double[] _weights = new double[mostSelected];
    private bool _isWhole = true;

    /// <summary>How many candidates are left.</summary>
    public int Count { get; private set; } = vocabularySize;

    /// <summary>Their logits. Negative infinity is a candidate that is not to be chosen.</summary>
    public Span<float> Logits => _logits.AsSpan(0, Count);

    /// <summary>Starts over with the whole vocabulary.</summary>
    public void Load(ReadOnlySpan<float> logits)
    {
        logits.CopyTo(_logits);
        Count = _logits.Length;
        _isWhole = true;
    }

    /// <summary>Starts over with the greatest logits only: what a filter that keeps so many leaves of the whole vocabulary.</summary>
    /// <param name="top">The greatest logits.</param>
    /// <param name="most">How many of them are kept, at the most.</param>
    public void Load(TopLogits top, int most)
    {
        int count = top.Count(most);
        for (int i = 0; i < count; i++)
            _ids[i] = top.TokenAt(i);
        top.Logits[..count].CopyTo(_logits);
        Truncate(count);
        _ids.AsSpan(0, count).Sort(Logits);
    }

    /// <summary>The token at a position.</summary>
    public int IdAt(int position) => _isWhole ? position : _ids[position];

    /// <summary>Copies a candidate to a place at or before its own, while a filter passes over the candidates in order.</summary>
    public void Move(int from, int to)
    {
        _ids[to] = IdAt(from);
        _logits[to] = _logits[from];
    }

    /// <summary>
    /// Ends a filter's pass: only the first <paramref name="count"/> candidates, each put there by <see cref="Move"/>, are left.
    /// </summary>
    public void Truncate(int count)
    {
        Count = count;
        _isWhole = false;
    }

    /// <summary>
    /// The candidates' probabilities up to a common factor, the greatest being 1: e to the power (logit − greatest logit).
    /// </summary>
    /// <param name="total">Their sum.</param>
    public ReadOnlySpan<double> Weights(out double total)
    {
        Span<double> weights = _weights.AsSpan(0, Count);
        PortableExp.Weights(Logits, TensorPrimitives.Max(Logits), weights);
        total = PortableExp.Sum(weights);
        return weights;
    }
}
