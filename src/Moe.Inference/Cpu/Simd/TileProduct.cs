namespace Moe.Inference.Cpu.Simd;

/// <summary>Multiplies an unpacked tile of weights with tokens. Stateless and thread-safe.</summary>
internal abstract unsafe class TileProduct
{
    /// <summary>Bytes of <see cref="TilePart.Work"/> that it needs.</summary>
    public abstract int WorkBytes { get; }

    /// <summary>Adds the products of a tile to the results of all tokens.</summary>
    /// <param name="part">The tile and the first token.</param>
    /// <param name="tokens">Tokens, at least 1.</param>
    public abstract void Multiply(in TilePart part, int tokens);
}
