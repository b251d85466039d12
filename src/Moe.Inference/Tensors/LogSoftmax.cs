using System.Numerics;

namespace Moe.Inference.Tensors;

/// <summary>
/// The normalizer of the model's own distribution, for reported log-probabilities. Nothing is decided by it, so that an exponential of
/// single precision will do.
/// </summary>
internal static class LogSoftmax
{
    private const int ChunkLength = 256;

    // Below this an exponential is taken as 0; it would be no normal number.
    private const float Lowest = -87;

    // Added to a small number, it rounds that to an integer and leaves the integer in the low bits.
    private const float Rounder = 12582912;

    private const float Log2E = 1.44269504f;

    /// <summary>ln Σ e^x, within about 1e-6: short chunks are summed in single precision, their sums in double.</summary>
    /// <param name="logits">The numbers x; negative infinity counts as nothing.</param>
    /// <param name="max">Their maximum, finite.</param>
    public static double LogSumExp(ReadOnlySpan<float> logits, float max) => LogSumExp(max, SumExp(logits, max));

    /// <summary>The same, of a sum that is known.</summary>
    /// <param name="max">The maximum.</param>
    /// <param name="sum">Σ e^(x − max).</param>
    public static double LogSumExp(float max, double sum) => max + Math.Log(sum);

    /// <summary>Σ e^(x − max).</summary>
    /// <inheritdoc cref="LogSumExp(ReadOnlySpan{float}, float)" path="/param"/>
    public static double SumExp(ReadOnlySpan<float> logits, float max)
    {
        double sum = 0;
        for (int start = 0; start < logits.Length; start += ChunkLength)
            sum += SumOfChunk(logits.Slice(start, Math.Min(ChunkLength, logits.Length - start)), max);
        return sum;
    }

    private static float SumOfChunk(ReadOnlySpan<float> logits, float max)
    {
        Vector<float> sum = Vector<float>.Zero, greatest = new(max);
        int i = 0;
        for (; i + Vector<float>.Count <= logits.Length; i += Vector<float>.Count)
            sum += Exp(new Vector<float>(logits[i..]) - greatest);
        float rest = 0;
        for (; i < logits.Length; i++)
            rest += MathF.Exp(logits[i] - max);
        return Vector.Sum(sum) + rest;
    }

    // Each lane: x = (k + f) ln 2 with integer k and |f| ≤ 1/2; 2^f by its Taylor series to the sixth power, off by at the most 2e-7 of it;
    // 2^k is added into the exponent bits.
    private static Vector<float> Exp(Vector<float> x)
    {
        Vector<int> counts = Vector.GreaterThanOrEqual(x, new Vector<float>(Lowest));
        Vector<float> power = Vector.ConditionalSelect(counts, x, Vector<float>.Zero) * Log2E;
        Vector<float> shifted = power + new Vector<float>(Rounder);
        Vector<float> f = power - (shifted - new Vector<float>(Rounder));
        Vector<float> high = (f * 1.54035304e-4f) + new Vector<float>(1.33335581e-3f);
        high = (high * f) + new Vector<float>(9.61812911e-3f);
        high = (high * f) + new Vector<float>(5.55041087e-2f);
        high = (high * f) + new Vector<float>(2.40226507e-1f);
        high = (high * f) + new Vector<float>(6.93147181e-1f);
        Vector<float> result = (high * f) + Vector<float>.One;
        Vector<int> scaled = Vector.AsVectorInt32(result) + Vector.ShiftLeft(Vector.AsVectorInt32(shifted), 23);
        return Vector.ConditionalSelect(counts, Vector.AsVectorSingle(scaled), Vector<float>.Zero);
    }
}
