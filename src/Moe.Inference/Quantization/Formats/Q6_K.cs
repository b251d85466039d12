using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>
/// 256 weights in 210 bytes: 128 bytes of nibbles, each 64 bytes holding 128 weights, the lower nibbles first; 64 bytes of upper bit pairs,
/// each 32 bytes for 128 weights, pair j of byte i for weight 32j + i; 16 signed scales; half d. Weight = d·scale·(code − 32), per group of 16.
/// </summary>
internal readonly unsafe struct Q6_K : ISuperBlock<Q6_K>
{
    private const int HighBitsAt = 128, ScalesAt = 192, HeaderAt = 208;

    public static ElementType Type => ElementType.Q6_K;

    public static bool SignedCodes => false;

    public static int MaxCode => 63;

    public static int ZeroPoint => 32;

    public static bool HasMinimums => false;

    public static int GroupLength => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint HeaderBits(byte* row, byte* block) => *(ushort*)(block + HeaderAt);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Scales(Vector128<uint> headers) => HalfBits.ToSingle(headers);

    public static Vector128<float> MinimumScales(Vector128<uint> headers) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadScales(byte* block, out Vector256<short> scales, out Vector256<short> minimums)
    {
        Vector128<short> pairs = Vector128.Load((short*)(block + ScalesAt));
        scales = Vector256.Create((pairs << 8) >> 8, pairs >> 8);
        minimums = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadCodes(
        byte* block, int half, out Vector256<byte> c0, out Vector256<byte> c1, out Vector256<byte> c2, out Vector256<byte> c3)
    {
        byte* codes = block + (half * 64);
        Vector256<byte> first = Vector256.Load(codes), second = Vector256.Load(codes + 32);
        Vector256<byte> high = Vector256.Load(block + HighBitsAt + (half * 32));
        c0 = Nibbles.Low(first) | Nibbles.Move(high, 0, 4, 3);
        c1 = Nibbles.Low(second) | Nibbles.Move(high, 2, 4, 3);
        c2 = Nibbles.High(first) | Nibbles.Move(high, 4, 4, 3);
        c3 = Nibbles.High(second) | Nibbles.Move(high, 6, 4, 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadWideCodes(byte* block, int half, out Vector512<byte> first, out Vector512<byte> second)
    {
        Vector512<byte> codes = Vector512.Load(block + (half * 64));
        Vector256<byte> high = Vector256.Load(block + HighBitsAt + (half * 32));
        Vector512<byte> bits = Vector512.Create(high, (high.AsUInt16() >>> 2).AsByte());
        Vector512<ushort> pairs = bits.AsUInt16(), low = Vector512.Create((ushort)0x0F0F), upper = Vector512.Create((ushort)0x3030);
        first = ((codes.AsUInt16() & low) | ((pairs << 4) & upper)).AsByte();
        second = (((codes.AsUInt16() >>> 4) & low) | (pairs & upper)).AsByte();
    }

    public static void Encode(float* x, byte* row, byte* block)
    {
        Span<float> scales = stackalloc float[16];
        for (int group = 0; group < 16; group++)
            scales[group] = GroupFit.Extreme(x + (group * 16), 16) / -32;
        float d = GroupFit.Extreme(scales) / -128;
        *(ushort*)(block + HeaderAt) = HalfBits.FromSingle(d);
        d = HalfBits.ToSingle(*(ushort*)(block + HeaderAt));

        byte* codes = stackalloc byte[ISuperBlock<Q6_K>.Length];
        for (int group = 0; group < 16; group++)
        {
            int scale = d == 0 ? 0 : Math.Clamp((int)MathF.Round(scales[group] / d), -128, 127);
            block[ScalesAt + group] = (byte)(sbyte)scale;
            float inverse = scale == 0 ? 0 : 1 / (d * scale);
            for (int i = group * 16; i < (group + 1) * 16; i++)
                codes[i] = (byte)GroupFit.Code((x[i] * inverse) + 32, 63);
        }
        for (int i = 0; i < 128; i++)
        {
            byte* pair = codes + (i / 64 * 128) + (i % 64);
            block[i] = (byte)((pair[0] & 15) | ((pair[64] & 15) << 4));
        }
        for (int i = 0; i < 64; i++)
        {
            byte* four = codes + (i / 32 * 128) + (i % 32);
            block[HighBitsAt + i] = (byte)((four[0] >> 4) | ((four[32] >> 4) << 2) | ((four[64] >> 4) << 4) | ((four[96] >> 4) << 6));
        }
    }
}
