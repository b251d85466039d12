using System.Runtime.CompilerServices;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>The products of <see cref="AttentionTile"/>, in vectors of one width: four rows meet two keys, or two vectors of values, at once.</summary>
/// <typeparam name="V">The vector.</typeparam>
/// <typeparam name="L">Its arithmetic.</typeparam>
internal static unsafe class AttentionProducts<V, L>
    where V : struct
    where L : struct, IFloatLanes<V>
{
    /// <inheritdoc cref="AttentionTile.Scores"/>
    public static void Scores(in RowSet queries, float* keys, int count, int width, float scale, in RowSet scores)
    {
        float* a = queries.A, b = queries.B, c = queries.C, d = queries.D;
        int whole = width - (width % L.Count);
        for (int j = 0; j < count; j += 2, keys += 2 * width)
        {
            // An odd number of keys repeats the last one.
            float* other = j + 1 < count ? keys + width : keys;
            V a0 = default, b0 = default, c0 = default, d0 = default, a1 = default, b1 = default, c1 = default, d1 = default;
            for (int i = 0; i < whole; i += L.Count)
            {
                V key0 = Load(keys + i), key1 = Load(other + i), query = Load(a + i);
                a0 = L.MultiplyAdd(key0, query, a0);
                a1 = L.MultiplyAdd(key1, query, a1);
                query = Load(b + i);
                b0 = L.MultiplyAdd(key0, query, b0);
                b1 = L.MultiplyAdd(key1, query, b1);
                query = Load(c + i);
                c0 = L.MultiplyAdd(key0, query, c0);
                c1 = L.MultiplyAdd(key1, query, c1);
                query = Load(d + i);
                d0 = L.MultiplyAdd(key0, query, d0);
                d1 = L.MultiplyAdd(key1, query, d1);
            }

            int last = j + 1 < count ? j + 1 : j;
            (scores.A[last], scores.A[j]) = (Finish(a1, a, other, whole, width) * scale, Finish(a0, a, keys, whole, width) * scale);
            (scores.B[last], scores.B[j]) = (Finish(b1, b, other, whole, width) * scale, Finish(b0, b, keys, whole, width) * scale);
            (scores.C[last], scores.C[j]) = (Finish(c1, c, other, whole, width) * scale, Finish(c0, c, keys, whole, width) * scale);
            (scores.D[last], scores.D[j]) = (Finish(d1, d, other, whole, width) * scale, Finish(d0, d, keys, whole, width) * scale);
        }
    }

    /// <inheritdoc cref="AttentionTile.AddValues"/>
    public static void AddValues(in RowSet weights, float* values, int count, int width, in RowSet sums)
    {
        int i = 0;
        for (; i <= width - (2 * L.Count); i += 2 * L.Count)
            AddTwo(weights, values + i, count, width, sums, i);
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

    /// <summary>x becomes exp(x − largest).</summary>
    /// <returns>The sum of the results: by lanes first, then the rest in order.</returns>
    public static float Exponentials(float* x, int count, float largest)
    {
        V offset = L.Broadcast(-largest), sums = default;
        int i = 0;
        for (; i <= count - L.Count; i += L.Count)
        {
            V weight = VectorExp<V, L>.Of(L.Add(Load(x + i), offset));
            L.Store(weight, x + i);
            sums = L.Add(sums, weight);
        }

        float sum = L.Sum(sums);
        if (i == count)
            return sum;
        PartialVector<V, L>.Store(VectorExp<V, L>.Of(L.Add(PartialVector<V, L>.Load<F32>((byte*)(x + i), count - i), offset)), x + i, count - i);
        for (; i < count; i++)
            sum += x[i];
        return sum;
    }

    /// <summary>The greatest of some numbers; if one is NaN, any of them.</summary>
    public static float Largest(float* x, int count)
    {
        if (count < L.Count)
        {
            float largest = float.NegativeInfinity;
            for (int i = 0; i < count; i++)
                largest = MathF.Max(largest, x[i]);
            return largest;
        }

        // The last vector may overlap the one before.
        V lanes = Load(x + count - L.Count);
        for (int i = 0; i < count - L.Count; i += L.Count)
            lanes = L.Max(lanes, Load(x + i));
        return L.MaxLane(lanes);
    }

    private static void AddTwo(in RowSet weights, float* values, int count, int width, in RowSet sums, int at)
    {
        float* a = weights.A, b = weights.B, c = weights.C, d = weights.D;
        V a0 = Load(sums.A + at), a1 = Load(sums.A + at + L.Count), b0 = Load(sums.B + at), b1 = Load(sums.B + at + L.Count);
        V c0 = Load(sums.C + at), c1 = Load(sums.C + at + L.Count), d0 = Load(sums.D + at), d1 = Load(sums.D + at + L.Count);
        for (int j = 0; j < count; j++, values += width)
        {
            V value0 = Load(values), value1 = Load(values + L.Count), weight = L.Broadcast(a[j]);
            a0 = L.MultiplyAdd(weight, value0, a0);
            a1 = L.MultiplyAdd(weight, value1, a1);
            weight = L.Broadcast(b[j]);
            b0 = L.MultiplyAdd(weight, value0, b0);
            b1 = L.MultiplyAdd(weight, value1, b1);
            weight = L.Broadcast(c[j]);
            c0 = L.MultiplyAdd(weight, value0, c0);
            c1 = L.MultiplyAdd(weight, value1, c1);
            weight = L.Broadcast(d[j]);
            d0 = L.MultiplyAdd(weight, value0, d0);
            d1 = L.MultiplyAdd(weight, value1, d1);
        }
        Store(a0, a1, sums.A + at);
        Store(b0, b1, sums.B + at);
        Store(c0, c1, sums.C + at);
        Store(d0, d1, sums.D + at);
    }

    // The lanes' sum, and the elements that do not fill a vector.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Finish(V lanes, float* query, float* key, int whole, int width)
    {
        float sum = L.Sum(lanes);
        for (int i = whole; i < width; i++)
            sum = MathF.FusedMultiplyAdd(key[i], query[i], sum);
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load(float* p) => L.Load<F32>((byte*)p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(V first, V second, float* p)
    {
        L.Store(first, p);
        L.Store(second, p + L.Count);
    }
}
