using System.Numerics.Tensors;

namespace Moe.Inference.Sampling;

/// <summary>
/// The normalizer of the model's own distribution, for reported log-probabilities. Nothing is decided by it, so that the fast exponential
/// of TensorPrimitives, whose last bit depends on the machine, will do.
/// </summary>
internal static class LogSoftmax
{
    private const int ChunkLength = 256;

    /// <summary>
    /// ln Σ e^x, within about 1e-6: short chunks are summed in single precision, their sums in double.
    /// </summary>
    /// <param name="logits">The numbers x; negative infinity counts as nothing.</param>
    /// <param name="max">Their maximum, finite.</param>
    public static double LogSumExp(ReadOnlySpan<float> logits, float max)
    {
        Span<float> chunk = stackalloc float[ChunkLength];
        double sum = 0;
        for (int start = 0; start < logits.Length; start += ChunkLength)
        {
            ReadOnlySpan<float> part = logits.Slice(start, Math.Min(ChunkLength, logits.Length - start));
            Span<float> weights = chunk[..part.Length];
            TensorPrimitives.Subtract(part, max, weights);
            TensorPrimitives.Exp(weights, weights);
            sum += TensorPrimitives.Sum(weights);
        }
        return max + Math.Log(sum);
    }
}
