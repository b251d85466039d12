using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Simd;

/// <summary>The rounding that both activation formats share: symmetric, the greatest magnitude becomes 127, ties to even.</summary>
internal static unsafe class Q8Codes
{
    private const int MaxCode = 127;
    private const int InfinityBits = 0x7F80_0000;
    private const float Least = 1e-30f; // below, 127 / magnitude leaves the range of floats

    /// <summary>The bits of the greatest magnitudes of some numbers, lane by lane; as integers, NaN is greater than infinity.</summary>
    /// <param name="x">The numbers.</param>
    /// <param name="count">How many, a multiple of 32.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Magnitudes(float* x, int count)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<int> even = Vector512<int>.Zero, odd = Vector512<int>.Zero, mask = Vector512.Create(0x7FFF_FFFF);
            for (int i = 0; i < count; i += 32)
            {
                even = Vector512.Max(even, Vector512.Load((int*)x + i) & mask);
                odd = Vector512.Max(odd, Vector512.Load((int*)x + i + 16) & mask);
            }
            even = Vector512.Max(even, odd);
            return Vector256.Max(even.GetLower(), even.GetUpper());
        }
        Vector256<int> bits = Vector256<int>.Zero;
        for (int i = 0; i < count; i += 8)
            bits = Vector256.Max(bits, Vector256.Load((int*)x + i) & Vector256.Create(0x7FFF_FFFF));
        return bits;
    }

    /// <summary>The scale and its inverse. Infinity and NaN give the scale NaN, which shows in every result of the block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float Scale, float Inverse) Scale(Vector256<int> bits)
    {
        Vector128<int> four = Vector128.Max(bits.GetLower(), bits.GetUpper());
        Vector128<int> two = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        int greatest = Math.Max(two.GetElement(0), two.GetElement(1));
        float magnitude = BitConverter.Int32BitsToSingle(greatest);
        return greatest >= InfinityBits ? (float.NaN, 0) : magnitude < Least ? (0, 0) : (magnitude / MaxCode, MaxCode / magnitude);
    }

    /// <summary>Rounds 16 activations to codes.</summary>
    /// <returns>The sum of the codes.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Store16(float* x, float inverse, sbyte* codes)
    {
        if (Avx512F.IsSupported)
        {
            Avx512F.ConvertToVector128SByteWithSaturation(Avx512F.ConvertToVector512Int32(Vector512.Load(x) * Vector512.Create(inverse))).Store(codes);
            return Sum(Vector128.Load(codes));
        }
        Vector256<float> scale = Vector256.Create(inverse);
        Vector256<int> lower = Round(Vector256.Load(x) * scale), upper = Round(Vector256.Load(x + 8) * scale);
        Vector256<short> both = Vector256.Narrow(lower, upper);
        Vector128<sbyte> narrow = Vector128.Narrow(both.GetLower(), both.GetUpper());
        narrow.Store(codes);
        return Sum(narrow);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Round(Vector256<float> value) =>
        Avx.IsSupported ? Avx.ConvertToVector256Int32(value) : Vector256.ConvertToInt32(Vector256.Round(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Sum(Vector128<sbyte> codes)
    {
        if (!Sse2.X64.IsSupported)
            return Vector128.Sum(Vector128.WidenLower(codes) + Vector128.WidenUpper(codes));
        // As unsigned bytes, 128 more each, they are added eight at a time.
        Vector128<long> halves = Sse2.SumAbsoluteDifferences(codes.AsByte() ^ Vector128.Create((byte)0x80), Vector128<byte>.Zero).AsInt64();
        return (int)(halves.ToScalar() + halves.GetElement(1)) - (16 * 128);
    }
}
