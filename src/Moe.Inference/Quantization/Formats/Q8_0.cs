using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>32 weights in 34 bytes: half d; 32 signed bytes. Weight = d·code.</summary>
internal readonly unsafe struct Q8_0 : ISmallBlock<Q8_0>
{
    private const int CodesAt = 2;

    public static ElementType Type => ElementType.Q8_0;

    public static bool SignedCodes => true;

    public static int MaxCode => 128;

    public static int ZeroPoint => 0;

    public static bool HasMinimum => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint HeaderBits(byte* block) => *(ushort*)block;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(Vector256<uint> headers) => HalfBits.ToSingle(headers);

    public static Vector256<float> Minimums(Vector256<uint> headers) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> LoadCodes(byte* block) => Vector256.Load(block + CodesAt);

    public static void Encode(float* x, byte* block)
    {
        Vector256<float> x0 = Vector256.Load(x), x1 = Vector256.Load(x + 8), x2 = Vector256.Load(x + 16), x3 = Vector256.Load(x + 24);
        Vector256<float> largest = Vector256.Max(
            Vector256.Max(Vector256.Abs(x0), Vector256.Abs(x1)), Vector256.Max(Vector256.Abs(x2), Vector256.Abs(x3)));
        Vector128<float> four = Vector128.Max(largest.GetLower(), largest.GetUpper());
        float d = MathF.Max(MathF.Max(four[0], four[1]), MathF.Max(four[2], four[3])) / 127;
        *(ushort*)block = HalfBits.FromSingle(d);
        float inverse = d == 0 ? 0 : 1 / d;
        Vector256<short> lower = Vector256.Narrow(GroupFit.Round(x0 * inverse), GroupFit.Round(x1 * inverse));
        Vector256<short> upper = Vector256.Narrow(GroupFit.Round(x2 * inverse), GroupFit.Round(x3 * inverse));
        Vector256.Narrow(lower, upper).Store((sbyte*)(block + CodesAt));
    }
}
