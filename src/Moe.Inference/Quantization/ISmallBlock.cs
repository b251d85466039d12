using System.Runtime.Intrinsics;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>
/// The contract of a format whose blocks hold 32 weights with one float scale. Weight i is
/// <c>d·(code[i] − ZeroPoint) + m</c>, with m only if <see cref="HasMinimum"/>.
/// Implementations are inlined into kernels; they read inside the block only.
/// </summary>
/// <typeparam name="TSelf">The format itself.</typeparam>
internal unsafe interface ISmallBlock<TSelf>
    where TSelf : struct, ISmallBlock<TSelf>
{
    /// <summary>Weights in a block.</summary>
    const int Length = 32;

    /// <summary>The element type this is.</summary>
    static abstract ElementType Type { get; }

    /// <summary>Whether codes are signed bytes (then <see cref="ZeroPoint"/> is 0); otherwise they are unsigned and at most 127.</summary>
    static abstract bool SignedCodes { get; }

    /// <summary>The greatest absolute value of a code.</summary>
    static abstract int MaxCode { get; }

    /// <summary>What is subtracted from each code.</summary>
    static abstract int ZeroPoint { get; }

    /// <summary>Whether blocks have a minimum m besides the scale.</summary>
    static abstract bool HasMinimum { get; }

    /// <summary>The bits of the block's scale (and minimum), to be turned into numbers for several blocks at once.</summary>
    static abstract uint HeaderBits(byte* block);

    /// <summary>d of eight blocks from their <see cref="HeaderBits"/>.</summary>
    static abstract Vector256<float> Scales(Vector256<uint> headers);

    /// <summary>m of eight blocks from their <see cref="HeaderBits"/>; not called without <see cref="HasMinimum"/>.</summary>
    static abstract Vector256<float> Minimums(Vector256<uint> headers);

    /// <summary>The 32 codes in the order of the weights, one per byte.</summary>
    static abstract Vector256<byte> LoadCodes(byte* block);

    /// <summary>Quantizes 32 weights.</summary>
    static abstract void Encode(float* x, byte* block);
}
