namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// What products by intrinsics share: tokens are taken four at a time, and edges of the matrix go through a full tile. Working memory is such
/// a tile of results at edges, then what the product wants: two numbers per row and token, and a vector of shorts per token.
/// </summary>
internal abstract unsafe class VectorTileProduct(int rows) : TileProduct
{
    public override int WorkBytes => Tiling.Tokens * ((3 * rows * sizeof(float)) + (16 * sizeof(short)));

    public override void Multiply(in TilePart part, int tokens, WeightsAhead ahead)
    {
        int groups = (tokens + Tiling.Tokens - 1) / Tiling.Tokens;
        for (int group = 0; group < groups; group++)
        {
            ahead.Prefetch(group, groups);
            int t = group * Tiling.Tokens;
            TilePart rest = part.Skip(t);
            int count = Math.Min(Tiling.Tokens, tokens - t);
            if (part.WantedRows << (32 - rows) == uint.MaxValue << (32 - rows))
                MultiplyTile(rest, count);
            else
                MultiplyEdge(rest, count);
        }
    }

    /// <summary>Multiplies all rows of the tile with up to four tokens.</summary>
    protected abstract void MultiplyTile(in TilePart part, int tokens);

    private void MultiplyEdge(TilePart part, int tokens)
    {
        byte* y = (byte*)part.Y;
        long stride = part.YStride;
        float* edge = (float*)part.Work;
        int wanted = System.Numerics.BitOperations.PopCount(part.WantedRows);
        for (int t = 0; !part.IsFirst && t < tokens; t++)
            new ReadOnlySpan<float>(y + (t * stride), wanted).CopyTo(new Span<float>(edge + (t * rows), wanted));
        part.Y = edge;
        part.YStride = rows * sizeof(float);
        part.Work += Tiling.Tokens * rows * sizeof(float);
        MultiplyTile(part, tokens);
        for (int t = 0; t < tokens; t++)
            new ReadOnlySpan<float>(edge + (t * rows), wanted).CopyTo(new Span<float>(y + (t * stride), wanted));
    }
}
