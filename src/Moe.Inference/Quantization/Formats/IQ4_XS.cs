using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>
/// 256 weights in 136 bytes: half d; 16 bits of upper scale bits, two per group of 32; 4 bytes of lower scale nibbles; 128 bytes of nibbles,
/// each 16 bytes holding 32 weights, the lower nibbles first. Weight = d·(scale − 32)·<see cref="Iq4Table"/>[code].
/// </summary>
internal readonly unsafe struct IQ4_XS : ISuperBlock<IQ4_XS>
{
    private const int HighBitsAt = 2, LowBitsAt = 4, CodesAt = 8;

    public static ElementType Type => ElementType.IQ4_XS;

    public static bool SignedCodes => true;

    public static int MaxCode => 127;

    public static int ZeroPoint => 0;

    public static bool HasMinimums => false;

    public static int GroupLength => 32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint HeaderBits(byte* row, byte* block) => *(ushort*)block;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Scales(Vector128<uint> headers) => HalfBits.ToSingle(headers);

    public static Vector128<float> MinimumScales(Vector128<uint> headers) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadScales(byte* block, out Vector256<short> scales, out Vector256<short> minimums)
    {
        ulong bytes = Nibbles.Spread4(*(uint*)(block + LowBitsAt)) | (Nibbles.Spread2(*(ushort*)(block + HighBitsAt)) << 4);
        Vector128<short> wide = Vector128.WidenLower(Vector128.CreateScalar(bytes).AsByte()).AsInt16() - Vector128.Create((short)32);
        scales = Vector256.Create(wide, wide);
        minimums = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadCodes(
        byte* block, int half, out Vector256<byte> c0, out Vector256<byte> c1, out Vector256<byte> c2, out Vector256<byte> c3)
    {
        byte* codes = block + CodesAt + (half * 64);
        c0 = ByteTable.Lookup(Iq4Table.Vector, Nibbles.Split(codes));
        c1 = ByteTable.Lookup(Iq4Table.Vector, Nibbles.Split(codes + 16));
        c2 = ByteTable.Lookup(Iq4Table.Vector, Nibbles.Split(codes + 32));
        c3 = ByteTable.Lookup(Iq4Table.Vector, Nibbles.Split(codes + 48));
    }

    public static ReadOnlySpan<byte> WideOrder => [0, 2, 4, 6, 1, 3, 5, 7];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadWideCodes(byte* block, int half, out Vector512<byte> first, out Vector512<byte> second)
    {
        Vector512<byte> codes = Vector512.Load(block + CodesAt + (half * 64)), low = Vector512.Create((byte)0x0F);
        first = Avx512BW.Shuffle(Iq4Table.Wide, codes & low);
        second = Avx512BW.Shuffle(Iq4Table.Wide, (codes.AsUInt16() >>> 4).AsByte() & low);
    }

    public static int TurnedWords => (CodesAt + 128) / sizeof(uint);

    public static int FirstCodeWord => CodesAt / sizeof(uint);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTurnedCodes(Vector512<uint> words, int index, uint* turned, uint* codes, int stride)
    {
        // Four words have the codes of 32 weights.
        uint* to = codes + ((index + (index & ~3)) * stride);
        Avx512BW.Shuffle(Iq4Table.WideBiased, Nibbles.Low(words.AsByte())).Store((byte*)to);
        Avx512BW.Shuffle(Iq4Table.WideBiased, Nibbles.High(words.AsByte())).Store((byte*)(to + (4 * stride)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreTurnedScales(uint* turned, uint* scales, uint* minimums, int stride)
    {
        Vector512<int> upper = Vector512.Load((int*)turned) >> (8 * HighBitsAt), lower = Vector512.Load((int*)turned + Vector512<int>.Count);
        for (int group = 0; group < 8; group++, scales += stride)
        {
            Vector512<int> scale = (lower & Vector512.Create(15)) | ((upper & Vector512.Create(3)) << 4);
            (scale - Vector512.Create(32)).Store((int*)scales);
            lower >>>= 4;
            upper >>>= 2;
        }
    }

    public static void Encode(float* x, byte* row, byte* block)
    {
        Span<float> scales = stackalloc float[8];
        for (int group = 0; group < 8; group++)
            scales[group] = Iq4Table.FitScale(x + (group * 32), 32);
        *(ushort*)block = HalfBits.FromSingle(GroupFit.Extreme(scales) / -32);
        float d = HalfBits.ToSingle(*(ushort*)block);

        ushort highBits = 0;
        new Span<byte>(block + LowBitsAt, 4).Clear();
        for (int group = 0; group < 8; group++)
        {
            int scale = d == 0 ? 0 : Math.Clamp((int)MathF.Round(scales[group] / d), -32, 31);
            highBits |= (ushort)(((scale + 32) >> 4) << (2 * group));
            block[LowBitsAt + (group / 2)] |= (byte)(((scale + 32) & 15) << (4 * (group & 1)));
            float inverse = scale == 0 ? 0 : 1 / (d * scale);
            float* from = x + (group * 32);
            for (int i = 0; i < 16; i++)
                block[CodesAt + (group * 16) + i] = (byte)(Iq4Table.Nearest(from[i] * inverse) | (Iq4Table.Nearest(from[i + 16] * inverse) << 4));
        }
        *(ushort*)(block + HighBitsAt) = highBits;
    }
}
