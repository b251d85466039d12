using System.Runtime.CompilerServices;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Float dot products: four rows against up to four tokens, one vector of sums for each pair. Element i goes to lane i mod the vector's
/// length; lanes are added last. So a pair's result does not depend on its neighbours.
/// </summary>
/// <typeparam name="T">The rows' format.</typeparam>
/// <typeparam name="V">The vector.</typeparam>
/// <typeparam name="L">Its arithmetic.</typeparam>
internal static unsafe class FloatDot<T, V, L>
    where T : struct, IFloatElement<T>
    where V : struct
    where L : struct, IFloatLanes<V>
{
    /// <summary>Rows at once.</summary>
    public const int Rows = 4;

    // Four rows and four tokens of at most 16 floats.
    private const int PaddedBytes = 8 * 64;

    /// <inheritdoc cref="WeightKernel.Dot"/>
    public static void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        float* results = stackalloc float[Rows * 4];
        for (int r = 0; r < rows; r += Rows)
        {
            int last = rows - 1 - r, count = Math.Min(Rows, rows - r);
            byte* w0 = w + (r * rowBytes), w1 = w0 + (Math.Min(1, last) * rowBytes);
            byte* w2 = w0 + (Math.Min(2, last) * rowBytes), w3 = w0 + (Math.Min(3, last) * rowBytes);
            for (int t = 0; t < tokens;)
            {
                byte* from = x + (t * xStride);
                int taken = Math.Min(L.Tokens, tokens - t);
                if (taken >= 4)
                    DotRows<Four>(w0, w1, w2, w3, from, xStride, k, results);
                else if (taken >= 2)
                    DotRows<Two>(w0, w1, w2, w3, from, xStride, k, results);
                else
                    DotRows<One>(w0, w1, w2, w3, from, xStride, k, results);
                taken = taken == 3 ? 2 : taken;
                for (int i = 0; i < taken; i++)
                    new ReadOnlySpan<float>(results + (i * Rows), count).CopyTo(new Span<float>(y + ((t + i) * yStride) + r, count));
                t += taken;
            }
        }
    }

    // Letters: the token, then the row.
    private static void DotRows<N>(byte* w0, byte* w1, byte* w2, byte* w3, byte* x0, long xStride, int k, float* results)
        where N : struct, ITokenCount
    {
        byte* x1 = x0 + (N.Value > 1 ? xStride : 0), x2 = x1 + (N.Value > 2 ? xStride : 0), x3 = x2 + (N.Value > 3 ? xStride : 0);
        V s00 = default, s01 = default, s02 = default, s03 = default, s10 = default, s11 = default, s12 = default, s13 = default;
        V s20 = default, s21 = default, s22 = default, s23 = default, s30 = default, s31 = default, s32 = default, s33 = default;
        byte* padded = stackalloc byte[PaddedBytes];
        byte* ahead = w0 + Tiling.PrefetchDistance;
        for (int vectors = k / L.Count, tail = k % L.Count; ;)
        {
            for (int i = 0; i < vectors; i++)
            {
                if (N.Value == 1)
                {
                    Tiling.Prefetch(ahead, Rows * L.Count * T.Bytes);
                    ahead += Rows * L.Count * T.Bytes;
                }
                V r0 = L.Load<T>(w0), r1 = L.Load<T>(w1), r2 = L.Load<T>(w2), r3 = L.Load<T>(w3);
                V a = L.Load<F32>(x0);
                s00 = L.MultiplyAdd(r0, a, s00);
                s01 = L.MultiplyAdd(r1, a, s01);
                s02 = L.MultiplyAdd(r2, a, s02);
                s03 = L.MultiplyAdd(r3, a, s03);
                if (N.Value > 1)
                {
                    a = L.Load<F32>(x1);
                    s10 = L.MultiplyAdd(r0, a, s10);
                    s11 = L.MultiplyAdd(r1, a, s11);
                    s12 = L.MultiplyAdd(r2, a, s12);
                    s13 = L.MultiplyAdd(r3, a, s13);
                }
                if (N.Value > 2)
                {
                    a = L.Load<F32>(x2);
                    s20 = L.MultiplyAdd(r0, a, s20);
                    s21 = L.MultiplyAdd(r1, a, s21);
                    s22 = L.MultiplyAdd(r2, a, s22);
                    s23 = L.MultiplyAdd(r3, a, s23);
                    a = L.Load<F32>(x3);
                    s30 = L.MultiplyAdd(r0, a, s30);
                    s31 = L.MultiplyAdd(r1, a, s31);
                    s32 = L.MultiplyAdd(r2, a, s32);
                    s33 = L.MultiplyAdd(r3, a, s33);
                }
                w0 += L.Count * T.Bytes;
                w1 += L.Count * T.Bytes;
                w2 += L.Count * T.Bytes;
                w3 += L.Count * T.Bytes;
                x0 += L.Count * sizeof(float);
                x1 += L.Count * sizeof(float);
                x2 += L.Count * sizeof(float);
                x3 += L.Count * sizeof(float);
            }
            if (tail == 0)
                break;

            // Once more, for the elements that do not fill a vector, from copies with zeros behind them.
            new Span<byte>(padded, PaddedBytes).Clear();
            w0 = Pad(w0, tail * T.Bytes, padded);
            w1 = Pad(w1, tail * T.Bytes, padded + 64);
            w2 = Pad(w2, tail * T.Bytes, padded + 128);
            w3 = Pad(w3, tail * T.Bytes, padded + 192);
            x0 = Pad(x0, tail * sizeof(float), padded + 256);
            x1 = Pad(x1, tail * sizeof(float), padded + 320);
            x2 = Pad(x2, tail * sizeof(float), padded + 384);
            x3 = Pad(x3, tail * sizeof(float), padded + 448);
            (vectors, tail) = (1, 0);
        }
        Store(s00, s01, s02, s03, results);
        if (N.Value > 1)
            Store(s10, s11, s12, s13, results + Rows);
        if (N.Value > 2)
        {
            Store(s20, s21, s22, s23, results + (2 * Rows));
            Store(s30, s31, s32, s33, results + (3 * Rows));
        }
    }

    private static byte* Pad(byte* from, int bytes, byte* to)
    {
        new ReadOnlySpan<byte>(from, bytes).CopyTo(new Span<byte>(to, bytes));
        return to;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(V row0, V row1, V row2, V row3, float* results)
    {
        results[0] = L.Sum(row0);
        results[1] = L.Sum(row1);
        results[2] = L.Sum(row2);
        results[3] = L.Sum(row3);
    }
}
