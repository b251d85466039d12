using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>
/// The arithmetic of attention on a tile: up to four query rows at a time, so that a key or value is loaded once for all of them.
/// Each product of a query and a key sums lane by lane in the same order, whichever rows share the tile.
/// </summary>
internal static unsafe class AttentionTile
{
    /// <summary>Query rows handled together.</summary>
    public const int QueryRows = 4;

    private static readonly bool IsWide = CpuFeatures.Current >= CpuPath.Avx512;

    /// <summary>scores[i][j] = scale · query_i · key_j.</summary>
    /// <param name="queries">The rows; rows may repeat.</param>
    /// <param name="keys">Contiguous rows.</param>
    /// <param name="count">Number of keys.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="scale">Factor.</param>
    /// <param name="scores">Where each query's scores go.</param>
    public static void Scores(in RowSet queries, float* keys, int count, int width, float scale, in RowSet scores)
    {
        if (IsWide)
            AttentionProducts<Vector512<float>, Lanes512>.Scores(queries, keys, count, width, scale, scores);
        else if (Vector256.IsHardwareAccelerated)
            AttentionProducts<Vector256<float>, Lanes256>.Scores(queries, keys, count, width, scale, scores);
        else
            AttentionProducts<Vector128<float>, Lanes128>.Scores(queries, keys, count, width, scale, scores);
    }

    /// <summary>sums_i += Σ_j weights[i][j] · value_j, in the order of j.</summary>
    /// <param name="weights">Each query's weights.</param>
    /// <param name="values">Contiguous rows.</param>
    /// <param name="count">Number of values.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="sums">Where each query's sum is; rows must not repeat.</param>
    public static void AddValues(in RowSet weights, float* values, int count, int width, in RowSet sums)
    {
        if (IsWide)
            AttentionProducts<Vector512<float>, Lanes512>.AddValues(weights, values, count, width, sums);
        else if (Vector256.IsHardwareAccelerated)
            AttentionProducts<Vector256<float>, Lanes256>.AddValues(weights, values, count, width, sums);
        else
            AttentionProducts<Vector128<float>, Lanes128>.AddValues(weights, values, count, width, sums);
    }

    /// <summary>
    /// Takes a tile's scores into a running softmax: turns scores into exp(score − maximum), scales what was summed before to the new
    /// maximum.
    /// </summary>
    /// <param name="scores">The tile's scores, replaced by weights; not empty.</param>
    /// <param name="maximum">Largest score so far, or negative infinity.</param>
    /// <param name="total">Sum of weights so far.</param>
    /// <param name="sum">Weighted sum of values so far.</param>
    public static void Accumulate(Span<float> scores, ref float maximum, ref float total, Span<float> sum)
    {
        fixed (float* x = scores)
        {
            float largest = MathF.Max(maximum, Largest(x, scores.Length));
            Rescale(largest, ref maximum, ref total, sum);
            total += Exponentials(x, scores.Length, largest);
        }
    }

    /// <summary>Joins the running softmax of a later part of the context to that of an earlier one.</summary>
    public static void Join(ReadOnlySpan<float> part, float partMaximum, float partTotal, ref float maximum, ref float total, Span<float> sum)
    {
        float largest = MathF.Max(maximum, partMaximum);
        Rescale(largest, ref maximum, ref total, sum);
        float factor = MathF.Exp(partMaximum - largest);
        total += partTotal * factor;
        TensorPrimitives.MultiplyAdd(part, factor, sum, sum);
    }

    private static float Largest(float* x, int count) =>
        IsWide ? AttentionProducts<Vector512<float>, Lanes512>.Largest(x, count)
        : Vector256.IsHardwareAccelerated ? AttentionProducts<Vector256<float>, Lanes256>.Largest(x, count)
        : AttentionProducts<Vector128<float>, Lanes128>.Largest(x, count);

    private static float Exponentials(float* x, int count, float largest) =>
        IsWide ? AttentionProducts<Vector512<float>, Lanes512>.Exponentials(x, count, largest)
        : Vector256.IsHardwareAccelerated ? AttentionProducts<Vector256<float>, Lanes256>.Exponentials(x, count, largest)
        : AttentionProducts<Vector128<float>, Lanes128>.Exponentials(x, count, largest);

    private static void Rescale(float largest, ref float maximum, ref float total, Span<float> sum)
    {
        if (largest != maximum)
        {
            // exp(−∞) is 0, which is right for the empty sum, too.
            float factor = MathF.Exp(maximum - largest);
            total *= factor;
            TensorPrimitives.Multiply(sum, factor, sum);
        }

        maximum = largest;
    }
}

/// <summary>Four rows; where there are fewer, the rest point to a row that may be overwritten.</summary>
internal readonly unsafe struct RowSet(float* a, float* b, float* c, float* d)
{
    public float* A => a;

    public float* B => b;

    public float* C => c;

    public float* D => d;

    /// <summary>Rows of a matrix from <paramref name="start"/>, as many as there are below <paramref name="end"/>; others are the spare row.</summary>
    public static RowSet Of(float* matrix, long stride, int start, int end, float* spare) => new(
        matrix + (start * stride),
        start + 1 < end ? matrix + ((start + 1) * stride) : spare,
        start + 2 < end ? matrix + ((start + 2) * stride) : spare,
        start + 3 < end ? matrix + ((start + 3) * stride) : spare);
}
