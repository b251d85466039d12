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

    /// <summary>The first token's results for the rows of the tile.</summary>
    public float* Y;

    /// <summary>Bytes to the next token's results.</summary>
    public long YStride;

    /// <summary>Working memory of the product, aligned to 64 bytes.</summary>
    public byte* Work;

    /// <summary>Blocks in the tile.</summary>
    public long Blocks;

    /// <summary>A bit for each row whose result is wanted.</summary>
    public uint WantedRows;

    /// <summary>A bit for each row whose result so far is added to; none at the start of a row of weights.</summary>
    public uint StartedRows;

    /// <summary>Whether results start anew.</summary>
    public readonly bool IsFirst => StartedRows == 0;

    /// <summary>The same for later tokens.</summary>
    public readonly TilePart Skip(int tokens)
    {
        TilePart rest = this;
        rest.X += tokens * XStride;
        rest.Sums += tokens * XStride;
        rest.Scales = (float*)((byte*)Scales + (tokens * XStride));
        rest.Y = (float*)((byte*)Y + (tokens * YStride));
        return rest;
    }
}
