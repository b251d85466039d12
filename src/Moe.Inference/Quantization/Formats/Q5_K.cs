using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>
/// 256 weights in 176 bytes: half d; half m; 12 bytes of <see cref="KScales"/>; 32 bytes of fifth bits, bit g of byte i for weight 32g + i;
/// 128 bytes of nibbles as in <see cref="Q4_K"/>. Weight = d·scale·code − m·minimum, per group of 32.
/// </summary>
internal readonly unsafe struct Q5_K : ISuperBlock<Q5_K>
{
    private const int ScalesAt = 4, HighBitsAt = 16, CodesAt = 48;

    public static ElementType Type => ElementType.Q5_K;

    public static bool SignedCodes => false;

    public static int MaxCode => 31;

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
        Vector256<byte> first = Vector256.Load(codes), second = Vector256.Load(codes + 32), fifth = Vector256.Load(block + HighBitsAt);
        int bit = half * 4;
        c0 = Nibbles.Low(first) | Nibbles.Move(fifth, bit, 4, 1);
        c1 = Nibbles.High(first) | Nibbles.Move(fifth, bit + 1, 4, 1);
        c2 = Nibbles.Low(second) | Nibbles.Move(fifth, bit + 2, 4, 1);
        c3 = Nibbles.High(second) | Nibbles.Move(fifth, bit + 3, 4, 1);
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
        Vector256<byte> fifth = Vector256.Load(block + HighBitsAt);
        Vector512<byte> bits = Vector512.Create(fifth, (fifth.AsUInt16() >>> 2).AsByte());
        // Bits 4·half and 4·half + 1 become the fifth ones.
        Vector512<ushort> nibbles = codes.AsUInt16(), low = Vector512.Create((ushort)0x0F0F), upper = Vector512.Create((ushort)0x1010);
        Vector512<ushort> moved = half == 0 ? bits.AsUInt16() << 4 : bits.AsUInt16();
        first = ((nibbles & low) | (moved & upper)).AsByte();
        second = (((nibbles >>> 4) & low) | ((moved >>> 1) & upper)).AsByte();
    }

    public static int TurnedWords => (CodesAt + 128) / sizeof(uint);

    public static int FirstCodeWord => CodesAt / sizeof(uint);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTurnedCodes(Vector512<uint> words, int index, uint* turned, uint* codes, int stride)
    {
        // Eight words have the lower bits of 64 weights; a fifth bit is moved to where a byte's fifth bit is, and the one above it to the same place.
        int group = index / 8 * 2;
        Vector512<uint> fifth = Vector512.Load(turned + (((HighBitsAt / sizeof(uint)) + (index & 7)) * Vector512<uint>.Count));
        Vector512<uint> moved = Avx512F.RotateLeftVariable(fifth, Vector512.Create((uint)(4 - group) & 31)), bit = Vector512.Create(0x1010_1010u);
        uint* to = codes + ((index + (index & ~7)) * stride);
        (Nibbles.Low(words.AsByte()).AsUInt32() | (moved & bit)).Store(to);
        (Nibbles.High(words.AsByte()).AsUInt32() | ((moved >>> 1) & bit)).Store(to + (8 * stride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTurnedScales(uint* turned, uint* scales, uint* minimums, int stride) =>
        KScales.StoreTurned(turned + (ScalesAt / sizeof(uint) * Vector512<uint>.Count), scales, minimums, stride);

    public static void Encode(float* x, byte* row, byte* block)
    {
        byte* codes = stackalloc byte[ISuperBlock<Q5_K>.Length];
        MinimumGroups.Encode(x, 31, (ushort*)block, block + ScalesAt, codes);
        for (int i = 0; i < 128; i++)
        {
            byte* pair = codes + (i / 32 * 64) + (i % 32);
            block[CodesAt + i] = (byte)((pair[0] & 15) | (pair[32] << 4));
        }
        for (int i = 0; i < 32; i++)
        {
            int bits = 0;
            for (int group = 0; group < 8; group++)
                bits |= (codes[(group * 32) + i] >> 4) << group;
            block[HighBitsAt + i] = (byte)bits;
        }
    }
}
