namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// What products by intrinsics share: tokens are taken four at a time. Working memory is two numbers per row and token, and a vector of shorts
/// per token.
/// </summary>
internal abstract class VectorTileProduct(int rows) : TileProduct
{
    public override int WorkBytes => Tiling.Tokens * ((2 * rows * sizeof(float)) + (16 * sizeof(short)));

    public override void Multiply(in TilePart part, int tokens)
    {
        int groups = (tokens + Tiling.Tokens - 1) / Tiling.Tokens;
        for (int group = 0; group < groups; group++)
        {
            int taken = group * Tiling.Tokens;
            MultiplyFew(part.Skip(taken, rows), Math.Min(Tiling.Tokens, tokens - taken));
        }
    }

    /// <summary>Multiplies all rows of the tile with up to four tokens.</summary>
    protected abstract void MultiplyFew(in TilePart part, int tokens);
}
