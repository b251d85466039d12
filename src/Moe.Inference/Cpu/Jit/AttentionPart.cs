using System.Runtime.InteropServices;

namespace Moe.Inference.Cpu.Jit;

/// <summary>What <see cref="ScoresCode"/> and <see cref="ValuesCode"/> are told; they read it by the offsets of its fields.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AttentionPart
{
    /// <summary>Keys or values, contiguous.</summary>
    public byte* Stored;

    /// <summary>How many; at least one.</summary>
    public long Count;

    /// <summary>What will be read next, to be fetched meanwhile; as long as the keys or values. Any address will do.</summary>
    public byte* Ahead;

    /// <summary>Rows of floats, contiguous: queries or weighted sums.</summary>
    public float* Floats;

    /// <summary>One number per query row and key: scores or weights.</summary>
    public float* Scores;

    /// <summary>Bytes between query rows' scores.</summary>
    public long ScoresStride;

    /// <summary>Factor of scores.</summary>
    public float Scale;
}
