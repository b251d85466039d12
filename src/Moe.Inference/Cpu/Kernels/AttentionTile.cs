using System.Numerics;
using System.Numerics.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>
/// The arithmetic of attention on a tile: up to four query rows at a time, so that a key or value is loaded once for all of them.
/// Each product of a query and a key sums lane by lane in the same order, whichever rows share the tile.
/// </summary>
internal static unsafe class AttentionTile
{
    /// <summary>Query rows handled together.</summary>
    public const int QueryRows = 4;

    /// <summary>scores[i][j] = scale · query_i · key_j.</summary>
    /// <param name="queries">The rows; rows may repeat.</param>
    /// <param name="keys">Contiguous rows.</param>
    /// <param name="count">Number of keys.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="scale">Factor.</param>
    /// <param name="scores">Where each query's scores go.</param>
    public static void Scores(in RowSet queries, float* keys, int count, int width, float scale, in RowSet scores)
    {
        for (int j = 0; j < count; j++, keys += width)
        {
            Vector<float> a = default, b = default, c = default, d = default;
            int i = 0;
            for (; i <= width - Vector<float>.Count; i += Vector<float>.Count)
            {
                Vector<float> key = Vector.Load(keys + i);
                a = Vector.FusedMultiplyAdd(key, Vector.Load(queries.A + i), a);
                b = Vector.FusedMultiplyAdd(key, Vector.Load(queries.B + i), b);
                c = Vector.FusedMultiplyAdd(key, Vector.Load(queries.C + i), c);
                d = Vector.FusedMultiplyAdd(key, Vector.Load(queries.D + i), d);
            }

            (float sumA, float sumB, float sumC, float sumD) = (Vector.Sum(a), Vector.Sum(b), Vector.Sum(c), Vector.Sum(d));
            for (; i < width; i++)
            {
                sumA = MathF.FusedMultiplyAdd(keys[i], queries.A[i], sumA);
                sumB = MathF.FusedMultiplyAdd(keys[i], queries.B[i], sumB);
                sumC = MathF.FusedMultiplyAdd(keys[i], queries.C[i], sumC);
                sumD = MathF.FusedMultiplyAdd(keys[i], queries.D[i], sumD);
            }

            (scores.A[j], scores.B[j], scores.C[j], scores.D[j]) = (sumA * scale, sumB * scale, sumC * scale, sumD * scale);
        }
    }

    /// <summary>sums_i += Σ_j weights[i][j] · value_j, in the order of j.</summary>
    /// <param name="weights">Each query's weights.</param>
    /// <param name="values">Contiguous rows.</param>
    /// <param name="count">Number of values.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="sums">Where each query's sum is; rows must not repeat.</param>
    public static void AddValues(in RowSet weights, float* values, int count, int width, in RowSet sums)
    {
        int i = 0;
        for (; i <= width - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> a = Vector.Load(sums.A + i), b = Vector.Load(sums.B + i), c = Vector.Load(sums.C + i), d = Vector.Load(sums.D + i);
            float* value = values + i;
            for (int j = 0; j < count; j++, value += width)
            {
                Vector<float> row = Vector.Load(value);
                a = Vector.FusedMultiplyAdd(Vector.Create(weights.A[j]), row, a);
                b = Vector.FusedMultiplyAdd(Vector.Create(weights.B[j]), row, b);
                c = Vector.FusedMultiplyAdd(Vector.Create(weights.C[j]), row, c);
                d = Vector.FusedMultiplyAdd(Vector.Create(weights.D[j]), row, d);
            }

            a.Store(sums.A + i);
            b.Store(sums.B + i);
            c.Store(sums.C + i);
            d.Store(sums.D + i);
        }

        for (; i < width; i++)
        {
            for (int j = 0; j < count; j++)
            {
                float value = values[((long)j * width) + i];
                sums.A[i] = MathF.FusedMultiplyAdd(weights.A[j], value, sums.A[i]);
                sums.B[i] = MathF.FusedMultiplyAdd(weights.B[j], value, sums.B[i]);
                sums.C[i] = MathF.FusedMultiplyAdd(weights.C[j], value, sums.C[i]);
                sums.D[i] = MathF.FusedMultiplyAdd(weights.D[j], value, sums.D[i]);
            }
        }
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
        float largest = MathF.Max(maximum, TensorPrimitives.Max(scores));
        Rescale(largest, ref maximum, ref total, sum);
        TensorPrimitives.Subtract(scores, largest, scores);
        TensorPrimitives.Exp(scores, scores);
        total += TensorPrimitives.Sum(scores);
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
