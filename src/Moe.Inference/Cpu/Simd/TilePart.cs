using System.Runtime.InteropServices;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// One step of a product over tiles: some blocks of some rows against tokens. Assembled code reads it by the offsets of its fields.
/// Codes: for every four weights, the four codes of each row. Side, for each block: scales by group, minimums by pairs of groups, the float
/// scale and, where there are minimums, their float scale; each a 32-bit number for each row.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TilePart
{
    /// <summary>The codes.</summary>
    public uint* Codes;

    /// <summary>What is beside the codes.</summary>
    public uint* Side;

    /// <summary>The first token's activations for the first block.</summary>
    public byte* X;

    /// <summary>The first token's sums of activations for the first block.</summary>
    public byte* Sums;

    /// <summary>The first token's scales for the first block.</summary>
    public float* Scales;

    /// <summary>Bytes to the next token's activations, sums and scales.</summary>
    public long XStride;

    /// <summary>The first token's results, one for each row of the tile; those of the next token follow.</summary>
    public float* Y;

    /// <summary>Working memory of the product, aligned to 64 bytes.</summary>
    public byte* Work;

    /// <summary>Blocks in the tile.</summary>
    public long Blocks;

    /// <summary>0 at the start of a row of weights, where results start anew; otherwise all bits are set, and results are added to.</summary>
    public long Started;

    /// <summary>Groups of tokens that an assembled routine takes one after the other; it leaves the addresses behind them.</summary>
    public long Groups;

    /// <summary>Whether results start anew.</summary>
    public readonly bool IsFirst => Started == 0;

    /// <summary>The same for later tokens.</summary>
    /// <param name="tokens">How many to skip.</param>
    /// <param name="rows">Rows of the tile.</param>
    public readonly TilePart Skip(int tokens, int rows)
    {
        TilePart rest = this;
        rest.X += tokens * XStride;
        rest.Sums += tokens * XStride;
        rest.Scales = (float*)((byte*)Scales + (tokens * XStride));
        rest.Y += (long)tokens * rows;
        return rest;
    }
}
