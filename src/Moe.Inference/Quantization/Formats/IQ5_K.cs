using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>
/// 256 weights in 176 bytes, ik_llama.cpp's format: half d; 16 extra bits, one per group of 16; 4 bytes of upper scale bits, two per group;
/// 8 bytes of lower scale nibbles; 128 bytes of nibbles, each 32 bytes holding 64 weights, the lower nibbles first; 32 bytes of fifth bits,
/// bit g of byte i for weight 32g + i. Weight = d·(scale − 32)·(<see cref="Iq5Table"/>[code] + 2·extra).
/// </summary>
internal readonly unsafe struct IQ5_K : ISuperBlock<IQ5_K>
{
    private const int ExtraAt = 2, HighScalesAt = 4, LowScalesAt = 8, CodesAt = 16, FifthBitsAt = 144;
    private const int Groups = 16;

    public static ElementType Type => ElementType.IQ5_K;

    public static bool SignedCodes => true;

    public static int MaxCode => 126;

    public static int ZeroPoint => 0;

    public static bool HasMinimums => false;

    public static int GroupLength => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint HeaderBits(byte* row, byte* block) => *(ushort*)block;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Scales(Vector128<uint> headers) => HalfBits.ToSingle(headers);

    public static Vector128<float> MinimumScales(Vector128<uint> headers) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadScales(byte* block, out Vector256<short> scales, out Vector256<short> minimums)
    {
        ulong low = *(ulong*)(block + LowScalesAt);
        // Even groups are the lower nibbles and bits 0-1 and 4-5 of the upper scale bits; odd groups the upper nibbles and bits 2-3 and 6-7.
        uint high = *(uint*)(block + HighScalesAt);
        ulong even = (low & 0x0F0F0F0F0F0F0F0F) | (Spread(high) << 4);
        ulong odd = ((low >> 4) & 0x0F0F0F0F0F0F0F0F) | (Spread(high >> 2) << 4);
        scales = Vector256.WidenLower(Vector256.Create(even, odd, 0, 0).AsByte()).AsInt16() - Vector256.Create((short)32);
        minimums = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadCodes(
        byte* block, int half, out Vector256<byte> c0, out Vector256<byte> c1, out Vector256<byte> c2, out Vector256<byte> c3)
    {
        byte* codes = block + CodesAt + (half * 64);
        Vector256<byte> first = Vector256.Load(codes), second = Vector256.Load(codes + 32), fifth = Vector256.Load(block + FifthBitsAt);
        int bit = half * 4;
        int extra = *(ushort*)(block + ExtraAt) >> (half * 8);
        c0 = Iq5Table.Lookup(Nibbles.Low(first), Nibbles.Move(fifth, bit, 4, 1)) + Shifts(extra);
        c1 = Iq5Table.Lookup(Nibbles.High(first), Nibbles.Move(fifth, bit + 1, 4, 1)) + Shifts(extra >> 2);
        c2 = Iq5Table.Lookup(Nibbles.Low(second), Nibbles.Move(fifth, bit + 2, 4, 1)) + Shifts(extra >> 4);
        c3 = Iq5Table.Lookup(Nibbles.High(second), Nibbles.Move(fifth, bit + 3, 4, 1)) + Shifts(extra >> 6);
    }

    public static void Encode(float* x, byte* row, byte* block)
    {
        Span<float> scales = stackalloc float[Groups];
        for (int group = 0; group < Groups; group++)
            scales[group] = CodeTable.FitScale(Iq5Table.Values, x + (group * GroupLength), GroupLength);
        new Span<byte>(block, 176).Clear();
        *(ushort*)block = HalfBits.FromSingle(GroupFit.Extreme(scales) / -32);
        float d = HalfBits.ToSingle(*(ushort*)block);
        for (int group = 0; group < Groups; group++)
        {
            int scale = d == 0 ? 0 : Math.Clamp((int)MathF.Round(scales[group] / d), -32, 31);
            block[HighScalesAt + (group / 4)] |= (byte)(((scale + 32) >> 4) << (2 * (group % 4)));
            block[LowScalesAt + (group / 2)] |= (byte)(((scale + 32) & 15) << (4 * (group % 2)));
            float inverse = scale == 0 ? 0 : 1 / (d * scale);
            for (int i = group * GroupLength; i < (group + 1) * GroupLength; i++)
                StoreCode(block, i, CodeTable.Nearest(Iq5Table.Values, x[i] * inverse));
        }
    }

    private static void StoreCode(byte* block, int weight, int code)
    {
        (int vector, int lane) = Math.DivRem(weight, 32);
        block[CodesAt + (vector / 2 * 32) + lane] |= (byte)((code & 15) << (4 * (vector % 2)));
        block[FifthBitsAt + lane] |= (byte)((code >> 4) << vector);
    }

    /// <summary>Bits 0-1 and 4-5 of each byte, each pair in a byte of its own.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Spread(uint bits)
    {
        ulong wide = bits & 0x33333333;
        wide = (wide | (wide << 16)) & 0x0000FFFF0000FFFF;
        wide = (wide | (wide << 8)) & 0x00FF00FF00FF00FF;
        return (wide | (wide << 4)) & 0x0303030303030303;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Shifts(int extra) =>
        Vector256.Create(Vector128.Create((byte)((extra & 1) * Iq5Table.Shift)), Vector128.Create((byte)(((extra >> 1) & 1) * Iq5Table.Shift)));
}
