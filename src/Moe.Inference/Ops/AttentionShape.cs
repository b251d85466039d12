using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>The parameters that all forms of attention share.</summary>
/// <param name="Heads">Query heads, a multiple of <paramref name="KvHeads"/>.</param>
/// <param name="KvHeads">Key/value heads.</param>
/// <param name="KeyWidth">Elements of a query's or key's head.</param>
/// <param name="ValueWidth">Elements of a value's head.</param>
/// <param name="Scale">Factor on q·k before the softmax.</param>
public sealed record AttentionShape(int Heads, int KvHeads, int KeyWidth, int ValueWidth, float Scale)
{
    /// <summary>Query heads that share one key/value head.</summary>
    public int Group => Heads / KvHeads;

    /// <summary>Elements of all query heads of one token.</summary>
    public int QueryRow => Heads * KeyWidth;

    /// <summary>Elements of all heads' results of one token.</summary>
    public int OutputRow => Heads * ValueWidth;

    internal bool Fits(KvLayer? kv) => kv is not null && kv.Heads == KvHeads && kv.KeyWidth == KeyWidth && kv.ValueWidth == ValueWidth && Heads % KvHeads == 0;
}
