using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>
/// 256 weights in 144 bytes: half d; half m; 12 bytes of <see cref="KScales"/>; 128 bytes of nibbles, each 32 bytes holding 64 weights, the
/// lower nibbles first. Weight = d·scale·code − m·minimum, per group of 32.
/// </summary>
internal readonly unsafe struct Q4_K : ISuperBlock<Q4_K>
{
    private const int ScalesAt = 4, CodesAt = 16;

    public static ElementType Type => ElementType.Q4_K;

    public static bool SignedCodes => false;

    public static int MaxCode => 15;

    public static int ZeroPoint => 0;

    public static bool HasMinimums => true;

    public static int GroupLength => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint HeaderBits(byte* row, byte* block) => *(uint*)block;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Scales(Vector128<uint> headers) => HalfBits.ToSingle(headers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MinimumScales(Vector128<uint> headers) => HalfBits.ToSingle(headers >>> 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadScales(byte* block, out Vector256<short> scales, out Vector256<short> minimums) =>
        KScales.Load(block + ScalesAt, out scales, out minimums);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadCodes(
        byte* block, int half, out Vector256<byte> c0, out Vector256<byte> c1, out Vector256<byte> c2, out Vector256<byte> c3)
    {
        byte* codes = block + CodesAt + (half * 64);
        Vector256<byte> first = Vector256.Load(codes), second = Vector256.Load(codes + 32);
        c0 = Nibbles.Low(first);
        c1 = Nibbles.High(first);
        c2 = Nibbles.Low(second);
        c3 = Nibbles.High(second);
    }

    public static ReadOnlySpan<byte> WideOrder => [0, 1, 4, 5, 2, 3, 6, 7];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadWideScales(
        byte* b0, byte* b1, byte* b2, byte* b3,
        out Vector512<short> s0, out Vector512<short> s1, out Vector512<short> s2, out Vector512<short> s3, out Vector512<short> minimums) =>
        KScales.LoadWide(b0, b1, b2, b3, out s0, out s1, out s2, out s3, out minimums);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadWideCodes(byte* block, int half, out Vector512<byte> first, out Vector512<byte> second)
    {
        Vector512<byte> codes = Vector512.Load(block + CodesAt + (half * 64));
        first = Nibbles.Low(codes);
        second = Nibbles.High(codes);
    }

    public static int TurnedWords => (CodesAt + 128) / sizeof(uint);

    public static int FirstCodeWord => CodesAt / sizeof(uint);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTurnedCodes(Vector512<uint> words, int index, uint* turned, uint* codes, int stride)
    {
        // Eight words have the codes of 64 weights.
        uint* to = codes + ((index + (index & ~7)) * stride);
        Nibbles.Low(words.AsByte()).Store((byte*)to);
        Nibbles.High(words.AsByte()).Store((byte*)(to + (8 * stride)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTurnedScales(uint* turned, uint* scales, uint* minimums, int stride) =>
        KScales.StoreTurned(turned + (ScalesAt / sizeof(uint) * Vector512<uint>.Count), scales, minimums, stride);

    public static void Encode(float* x, byte* row, byte* block)
    {
        byte* codes = stackalloc byte[ISuperBlock<Q4_K>.Length];
        MinimumGroups.Encode(x, 15, (ushort*)block, block + ScalesAt, codes);
        for (int i = 0; i < 128; i++)
        {
            byte* pair = codes + (i / 32 * 64) + (i % 32);
            block[CodesAt + i] = (byte)(pair[0] | (pair[32] << 4));
        }
    }
}
