namespace Moe.Inference.Cpu.Simd;

/// <summary>One step of a product over tiles: some blocks of some rows against up to four tokens.</summary>
internal readonly unsafe struct TileChunk(
    uint* tile, int firstBlock, int blocks, byte* x, long xStride, int k, float* y, long yStride, int* sums)
{
    /// <summary>The unpacked weights.</summary>
    public readonly uint* Tile = tile;

    /// <summary>The first block, counted from the start of the row; with 0 the results start anew.</summary>
    public readonly int FirstBlock = firstBlock;

    /// <summary>Blocks in the tile.</summary>
    public readonly int Blocks = blocks;

    /// <summary>The first token's activations, from the start of the row.</summary>
    public readonly byte* X = x;

    /// <summary>Bytes to the next token's activations.</summary>
    public readonly long XStride = xStride;

    /// <summary>Elements in a row.</summary>
    public readonly int K = k;

    /// <summary>The first token's results for the rows of the tile.</summary>
    public readonly float* Y = y;

    /// <summary>Elements to the next token's results.</summary>
    public readonly long YStride = yStride;

    /// <summary>Room for two sums for each row of the tile and each token.</summary>
    public readonly int* Sums = sums;

    /// <summary>Where fewer rows are wanted than the tile has, moves the results so far to <paramref name="edge"/>, with room for all.</summary>
    public TileChunk OpenEdge(int rows, int tileRows, int tokens, float* edge)
    {
        if (rows == tileRows)
            return this;
        if (FirstBlock > 0)
            Copy(Y, YStride, edge, tileRows, tokens, rows);
        return new TileChunk(Tile, FirstBlock, Blocks, X, XStride, K, edge, tileRows, Sums);
    }

    /// <summary>Moves the results of the wanted rows back.</summary>
    public void CloseEdge(int rows, int tileRows, int tokens, float* edge)
    {
        if (rows < tileRows)
            Copy(edge, tileRows, Y, YStride, tokens, rows);
    }

    private static void Copy(float* from, long fromStride, float* to, long toStride, int tokens, int rows)
    {
        for (int t = 0; t < tokens; t++)
            new ReadOnlySpan<float>(from + (t * fromStride), rows).CopyTo(new Span<float>(to + (t * toStride), rows));
    }
}
