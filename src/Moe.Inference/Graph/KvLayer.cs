namespace Moe.Inference.Graph;

/// <summary>The key/value memory of one layer, as a graph refers to it.</summary>
/// <param name="Index">The layer, from 0.</param>
/// <param name="Heads">Key/value heads.</param>
/// <param name="KeyWidth">Elements of one head's key.</param>
/// <param name="ValueWidth">Elements of one head's value.</param>
public sealed record KvLayer(int Index, int Heads, int KeyWidth, int ValueWidth)
{
    /// <summary>Elements of all heads' keys of one token.</summary>
    public int KeyRow => Heads * KeyWidth;

    /// <summary>Elements of all heads' values of one token.</summary>
    public int ValueRow => Heads * ValueWidth;
}
