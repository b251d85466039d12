using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>
/// The contract of a format whose blocks hold 256 weights in groups with integer scales. Weight i of group g is
/// <c>d·s[g]·(code[i] − ZeroPoint) − m·min[g]</c>, with the float header d (and m, if <see cref="HasMinimums"/>) of the block.
/// Implementations are inlined into kernels; they read inside the block only.
/// </summary>
/// <typeparam name="TSelf">The format itself.</typeparam>
internal unsafe interface ISuperBlock<TSelf>
    where TSelf : struct, ISuperBlock<TSelf>
{
    /// <summary>Weights in a block.</summary>
    const int Length = 256;

    /// <summary>The element type this is.</summary>
    static abstract ElementType Type { get; }

    /// <summary>Whether codes are signed bytes (then <see cref="ZeroPoint"/> is 0); otherwise they are unsigned and at most 127.</summary>
    static abstract bool SignedCodes { get; }

    /// <summary>The greatest absolute value of a code; kernels derive from it how long 16-bit sums are safe.</summary>
    static abstract int MaxCode { get; }

    /// <summary>What is subtracted from each code; 0 where <see cref="HasMinimums"/>.</summary>
    static abstract int ZeroPoint { get; }

    /// <summary>Whether groups have minimums, scaled by a second float of the header.</summary>
    static abstract bool HasMinimums { get; }

    /// <summary>Weights that share an integer scale: 16 or 32.</summary>
    static abstract int GroupLength { get; }

    /// <summary>The bits of the block's float header, to be turned into numbers for several blocks at once.</summary>
    /// <param name="row">Start of the row, for formats with a row header.</param>
    /// <param name="block">Start of the block.</param>
    static abstract uint HeaderBits(byte* row, byte* block);

    /// <summary>d of four blocks from their <see cref="HeaderBits"/>.</summary>
    static abstract Vector128<float> Scales(Vector128<uint> headers);

    /// <summary>m of four blocks from their <see cref="HeaderBits"/>; not called without <see cref="HasMinimums"/>.</summary>
    static abstract Vector128<float> MinimumScales(Vector128<uint> headers);

    /// <summary>
    /// The integer scales and minimums per 16 weights (formats with groups of 32 give each twice): lanes 0..7 are groups 0, 2, … 14,
    /// lanes 8..15 groups 1, 3, … 15, so that an in-lane shuffle spreads the two scales of 32 weights. At most 255 in absolute value.
    /// </summary>
    static abstract void LoadScales(byte* block, out Vector256<short> scales, out Vector256<short> minimums);

    /// <summary>The codes of half a block: weights 128·half + 0..31, 32..63, 64..95 and 96..127, one per byte.</summary>
    static abstract void LoadCodes(
        byte* block, int half, out Vector256<byte> c0, out Vector256<byte> c1, out Vector256<byte> c2, out Vector256<byte> c3);

    /// <summary>The order of the codes that <see cref="LoadWideCodes"/> gives: which 16 of the half's weights are in each 16 bytes. In formats with groups of 16, even and odd ones alternate.</summary>
    static virtual ReadOnlySpan<byte> WideOrder => [0, 1, 2, 3, 4, 5, 6, 7];

    /// <summary>
    /// The codes of half a block, in the order of <see cref="WideOrder"/>; called on AVX-512 only. Few and short calls inside, as the JIT inlines
    /// so much into one kernel and no more.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual void LoadWideCodes(byte* block, int half, out Vector512<byte> first, out Vector512<byte> second)
    {
        TSelf.LoadCodes(block, half, out Vector256<byte> c0, out Vector256<byte> c1, out Vector256<byte> c2, out Vector256<byte> c3);
        first = Vector512.Create(c0, c1);
        second = Vector512.Create(c2, c3);
    }

    /// <summary>
    /// The scales of a block of each of four rows, twice as <see cref="LoadScales"/> gives them; and the minimums of groups of 32 of all rows:
    /// 32 bits hold two neighbouring groups of a row, 128 bits those of all rows.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static virtual void LoadWideScales(
        byte* b0, byte* b1, byte* b2, byte* b3,
        out Vector512<short> s0, out Vector512<short> s1, out Vector512<short> s2, out Vector512<short> s3, out Vector512<short> minimums)
    {
        TSelf.LoadScales(b0, out Vector256<short> once0, out _);
        TSelf.LoadScales(b1, out Vector256<short> once1, out _);
        TSelf.LoadScales(b2, out Vector256<short> once2, out _);
        TSelf.LoadScales(b3, out Vector256<short> once3, out _);
        s0 = Vector512.Create(once0, once0);
        s1 = Vector512.Create(once1, once1);
        s2 = Vector512.Create(once2, once2);
        s3 = Vector512.Create(once3, once3);
        minimums = default;
    }

    /// <summary>Words of a block that hold its nibbles, two codes a byte.</summary>
    const int CodeWords = 32;

    /// <summary>
    /// Words of a block, which are turned so that a vector has one word of each of 16 rows; the first one is <see cref="HeaderBits"/>, as far as
    /// those reach. 0 where the format cannot be unpacked so.
    /// </summary>
    static virtual int TurnedWords => 0;

    /// <summary>The first of the <see cref="CodeWords"/>.</summary>
    static virtual int FirstCodeWord => 0;

    /// <summary>The codes in one word of 16 rows.</summary>
    /// <param name="words">The word of each row.</param>
    /// <param name="index">Which of the <see cref="CodeWords"/> it is.</param>
    /// <param name="turned">For each turned word that holds no nibbles, at 16 times its number, that word of each row.</param>
    /// <param name="codes">Where the first four codes of each row go: unsigned, signed ones plus 128.</param>
    /// <param name="stride">32-bit numbers to the next four codes of the rows.</param>
    static virtual void StoreTurnedCodes(Vector512<uint> words, int index, uint* turned, uint* codes, int stride) => throw new NotSupportedException();

    /// <summary>The integer scales of 16 rows at once as ints, and their minimums, those of two groups as shorts in 32 bits.</summary>
    /// <param name="turned">For each turned word that holds no nibbles, at 16 times its number, that word of each row.</param>
    /// <param name="scales">Where the first scale of each row goes.</param>
    /// <param name="minimums">Where the first two minimums go, if there are any.</param>
    /// <param name="stride">32-bit numbers to the next ones of the rows.</param>
    static virtual void StoreTurnedScales(uint* turned, uint* scales, uint* minimums, int stride) => throw new NotSupportedException();

    /// <summary>Quantizes 256 weights.</summary>
    /// <param name="x">The weights.</param>
    /// <param name="row">Start of the row, whose header has been written.</param>
    /// <param name="block">Where the block goes.</param>
    static abstract void Encode(float* x, byte* row, byte* block);

    /// <summary>Writes the row header before the row's blocks are encoded; nothing for most formats.</summary>
    static virtual void EncodeRowHeader(float* x, int count, byte* row)
    {
    }
}
