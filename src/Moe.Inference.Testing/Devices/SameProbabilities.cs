using Moe.Inference.Tensors;

namespace Moe.Inference.Testing;

/// <summary>
/// The same probabilities, as far as rounding lets them: for devices with kernels of their own, which add in another order. In float32 that
/// moves a logit by some units of the last place for each of the sums on its way. Where activations and key/value memory are rounded to
/// fewer bits, a value that lies between two steps may go to the other one; the choice of experts amplifies that where two of them are as
/// good as equal. It is rare, so that the mean over a script's rows counts there, and not the worst row.
/// </summary>
internal sealed class SameProbabilities : HybridComparison
{
    /// <summary>How far a logit in float32 may be off, relative to the largest of its row: 100 times what sums in another order come to.</summary>
    public const float FloatTolerance = 1e-4f;

    /// <summary>Mean Kullback-Leibler divergence of rows that rounding may cause, in nats.</summary>
    public const double RoundedDivergence = 1e-3;

    // A divergence of D comes with log-probabilities that are off by √(2·D) in the root mean square; of the few generated tokens of a
    // script, the mean may well be twice that.
    private static readonly double RoundedLogProbability = 2 * Math.Sqrt(2 * RoundedDivergence);

    /// <inheritdoc/>
    public override string? Difference(IReadOnlyList<float[]> actual, IReadOnlyList<float[]> expected, HybridSwitches switches, HybridPlacement placement)
    {
        int[] logits = [.. Enumerable.Range(0, expected.Count).Where(row => expected[row].Length > 1)];
        if (switches is { Exact: true, KvType: ElementType.F32 })
        {
            // A log-probability is the difference of two numbers as large as logits.
            float largest = logits.Max(row => expected[row].Max(MathF.Abs));
            return FirstBeyond(actual, expected, row => row.Length > 1 ? FloatTolerance * row.Max(MathF.Abs) : 2 * FloatTolerance * largest);
        }

        double mean = logits.Average(row => Divergence(expected[row], actual[row]));
        if (!(mean < RoundedDivergence))
            return $"a mean divergence of {mean:g3} over {logits.Length} rows; the worst is row {logits.MaxBy(row => Divergence(expected[row], actual[row]))}";
        double generated = Enumerable.Range(0, expected.Count).Except(logits).Select(row => Math.Abs((double)actual[row][0] - expected[row][0])).DefaultIfEmpty().Average();
        return generated <= RoundedLogProbability ? null : $"log-probabilities of generated tokens are off by {generated:g3} in the mean (at the most {RoundedLogProbability:g3})";
    }

    /// <summary>The Kullback-Leibler divergence of two rows of logits, in nats.</summary>
    public static double Divergence(float[] expected, float[] actual)
    {
        double[] p = LogSoftmax(expected), q = LogSoftmax(actual);
        return p.Zip(q, (a, b) => Math.Exp(a) * (a - b)).Sum();
    }

    private static double[] LogSoftmax(float[] logits)
    {
        double greatest = logits.Max();
        double total = Math.Log(logits.Sum(x => Math.Exp(x - greatest))) + greatest;
        return [.. logits.Select(x => x - total)];
    }
}
