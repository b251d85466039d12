using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Moe.Inference.Cpu.Simd;

/// <summary>The rounding that both activation formats share: symmetric, the greatest magnitude becomes 127, ties to even.</summary>
internal static unsafe class Q8Codes
{
    private const int MaxCode = 127;
    private const int InfinityBits = 0x7F80_0000;
    private const float Least = 1e-30f; // below, 127 / magnitude leaves the range of floats

    /// <summary>Lane-wise greater of <paramref name="bits"/> and the bits of 8 magnitudes; as integers, NaN is greater than infinity.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> MaxMagnitude(Vector256<int> bits, float* x) =>
        Vector256.Max(bits, Vector256.Load((int*)x) & Vector256.Create(0x7FFF_FFFF));

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
        Vector256<float> scale = Vector256.Create(inverse);
        Vector256<int> lower = Vector256.ConvertToInt32(Vector256.Round(Vector256.Load(x) * scale));
        Vector256<int> upper = Vector256.ConvertToInt32(Vector256.Round(Vector256.Load(x + 8) * scale));
        Vector256<short> both = Vector256.Narrow(lower, upper);
        Vector128.Narrow(both.GetLower(), both.GetUpper()).Store(codes);
        Vector256<int> sums = lower + upper;
        return Vector128.Sum(sums.GetLower() + sums.GetUpper());
    }
}
