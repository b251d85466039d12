using System.Numerics;
using System.Runtime.CompilerServices;

namespace Moe.Inference.Sampling;

/// <summary>
/// The exponential function in double precision (within 2 units in the last place), from additions and multiplications alone, never fused.
/// IEEE 754 rounds those the same way everywhere, so that a seed picks the same token on every machine; <see cref="Math.Exp"/> and
/// TensorPrimitives.Exp document that their results differ between platforms.
/// </summary>
internal static class PortableExp
{
    /// <summary>Below this the result is taken as 0; e to this power is still a normal number.</summary>
    private const double Lowest = -708;

    /// <summary>Added to a small number, it rounds that to an integer and leaves the integer in the low bits.</summary>
    private const double Rounder = 6755399441055744.0;

    /// <summary>ln 2 in two parts; the first has trailing zeros enough that its product with any exponent is exact.</summary>
    private const double Ln2High = 0.693147180369123816490, Ln2Low = 1.90821492927058770002e-10;

    private const double Log2E = 1.4426950408889634;

    /// <summary>Writes e to the power (<paramref name="logits"/>[i] − <paramref name="max"/>).</summary>
    /// <param name="logits">The numbers, none above <paramref name="max"/>; negative infinity gives 0.</param>
    /// <param name="max">A finite number.</param>
    /// <param name="weights">As long as <paramref name="logits"/>; receives numbers from 0 to 1.</param>
    public static void Weights(ReadOnlySpan<float> logits, float max, Span<double> weights)
    {
        int i = 0;
        int width = Vector<float>.Count;
        for (; i + width <= logits.Length; i += width)
            Store(new Vector<float>(logits[i..]), max, weights[i..]);
        if (i == logits.Length)
            return;
        Span<float> tail = stackalloc float[width];
        Span<double> tailWeights = stackalloc double[width];
        tail.Fill(max);
        logits[i..].CopyTo(tail);
        Store(new Vector<float>(tail), max, tailWeights);
        tailWeights[..(logits.Length - i)].CopyTo(weights[i..]);
    }

    private static void Store(Vector<float> logits, float max, Span<double> weights)
    {
        Vector.Widen(logits, out Vector<double> low, out Vector<double> high);
        Exp(low - new Vector<double>(max)).CopyTo(weights);
        Exp(high - new Vector<double>(max)).CopyTo(weights[Vector<double>.Count..]);
    }

    /// <summary>Each lane: x = k ln 2 + r with integer k; e^x = 2^k e^r, and 2^k is added into the exponent bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<double> Exp(Vector<double> x)
    {
        Vector<long> inRange = Vector.GreaterThanOrEqual(x, new Vector<double>(Lowest));
        x = Vector.ConditionalSelect(inRange, x, Vector<double>.Zero);
        Vector<double> shifted = (x * Log2E) + new Vector<double>(Rounder);
        Vector<double> k = shifted - new Vector<double>(Rounder);
        Vector<double> r = x - (k * Ln2High) - (k * Ln2Low);
        Vector<long> scaled = Vector.AsVectorInt64(ExpNearZero(r)) + Vector.ShiftLeft(Vector.AsVectorInt64(shifted), 52);
        return Vector.ConditionalSelect(inRange, Vector.AsVectorDouble(scaled), Vector<double>.Zero);
    }

    /// <summary>
    /// The Taylor series to the 13th power, whose remainder is below 2⁻⁵⁷ for |r| ≤ ½ ln 2, by Estrin's scheme: pairs of terms, then pairs
    /// of pairs.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<double> ExpNearZero(Vector<double> r)
    {
        Vector<double> r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
        Vector<double> to3 = Pair(1, 1, r) + (Pair(2, 6, r) * r2);
        Vector<double> to7 = Pair(24, 120, r) + (Pair(720, 5040, r) * r2);
        Vector<double> to11 = Pair(40320, 362880, r) + (Pair(3628800, 39916800, r) * r2);
        Vector<double> to13 = Pair(479001600, 6227020800, r);
        return to3 + (to7 * r4) + ((to11 + (to13 * r4)) * r8);
    }

    /// <summary>1/a + r/b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<double> Pair(double a, double b, Vector<double> r) => new Vector<double>(1 / a) + (r * (1 / b));

    /// <summary>The sum of numbers, always added in the same order: four interleaved partial sums.</summary>
    public static double Sum(ReadOnlySpan<double> numbers)
    {
        double a = 0, b = 0, c = 0, d = 0;
        int i = 0;
        for (; i + 4 <= numbers.Length; i += 4)
        {
            a += numbers[i];
            b += numbers[i + 1];
            c += numbers[i + 2];
            d += numbers[i + 3];
        }
        for (; i < numbers.Length; i++)
            a += numbers[i];
        return a + b + (c + d);
    }
}
