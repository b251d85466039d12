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

    private const int MaxTokens = 4, MaxLanes = 16;

    /// <inheritdoc cref="WeightKernel.Dot"/>
    public static void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        int block = Tiling.FloatTokens(k);
        for (int t = 0; t < tokens; t += block)
            DotFew(w, rowBytes, rows, x + (t * xStride), xStride, Math.Min(block, tokens - t), k, y + (t * yStride), yStride);
    }

    [SkipLocalsInit]
    private static void DotFew(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        float* sums = stackalloc float[Rows * MaxTokens * MaxLanes];
        byte** from = stackalloc byte*[Rows + MaxTokens];
        byte* padded = stackalloc byte[(Rows + MaxTokens) * MaxLanes * sizeof(float)];
        for (int r = 0; r < rows; r += Rows)
        {
            int count = Math.Min(Rows, rows - r);
            for (int t = 0, taken; t < tokens; t += taken)
            {
                int left = Math.Min(L.Tokens, tokens - t);
                taken = left == 3 ? 2 : left;
                for (int i = 0; i < Rows; i++)
                    from[i] = w + ((r + Math.Min(i, count - 1)) * rowBytes);
                for (int i = 0; i < MaxTokens; i++)
                    from[Rows + i] = x + ((t + Math.Min(i, taken - 1)) * xStride);
                DotRows(from, taken, k, sums, padded);
                for (int i = 0; i < taken; i++)
                {
                    for (int lane = 0; lane < count; lane++)
                        y[((t + i) * yStride) + r + lane] = L.Sum(L.Load<F32>((byte*)(sums + (((i * Rows) + lane) * L.Count))));
                }
            }
        }
    }

    private static void DotRows(byte** from, int tokens, int k, float* sums, byte* padded)
    {
        new Span<float>(sums, Rows * tokens * L.Count).Clear();
        Add(from, tokens, k / L.Count, sums);
        int tail = k % L.Count, done = k - tail;
        if (tail == 0)
            return;

        // Once more, for the elements that do not fill a vector, from copies with zeros behind them.
        const int Slot = MaxLanes * sizeof(float);
        new Span<byte>(padded, (Rows + MaxTokens) * Slot).Clear();
        for (int i = 0; i < Rows; i++)
        {
            new ReadOnlySpan<byte>(from[i] + ((long)done * T.Bytes), tail * T.Bytes).CopyTo(new Span<byte>(padded + (i * Slot), Slot));
            from[i] = padded + (i * Slot);
        }
        for (int i = 0; i < tokens; i++)
        {
            byte* to = padded + ((Rows + i) * Slot);
            new ReadOnlySpan<byte>(from[Rows + i] + ((long)done * sizeof(float)), tail * sizeof(float)).CopyTo(new Span<byte>(to, Slot));
            from[Rows + i] = to;
        }
        Add(from, tokens, 1, sums);
    }

    private static void Add(byte** from, int tokens, int vectors, float* sums)
    {
        switch (tokens)
        {
            case 1:
                Add<One>(from, vectors, sums);
                break;
            case 2:
                Add<Two>(from, vectors, sums);
                break;
            default:
                Add<Four>(from, vectors, sums);
                break;
        }
    }

    // Letters: the token, then the row. No calls inside: they would push all sums out of their registers.
    private static void Add<N>(byte** from, int vectors, float* sums)
        where N : struct, ITokenCount
    {
        byte* w0 = from[0], w1 = from[1], w2 = from[2], w3 = from[3], x0 = from[4], x1 = from[5], x2 = from[6], x3 = from[7];
        V s00 = Load(sums, 0), s01 = Load(sums, 1), s02 = Load(sums, 2), s03 = Load(sums, 3);
        V s10 = default, s11 = default, s12 = default, s13 = default, s20 = default, s21 = default, s22 = default, s23 = default;
        V s30 = default, s31 = default, s32 = default, s33 = default;
        if (N.Value > 1)
            (s10, s11, s12, s13) = (Load(sums, 4), Load(sums, 5), Load(sums, 6), Load(sums, 7));
        if (N.Value > 2)
        {
            (s20, s21, s22, s23) = (Load(sums, 8), Load(sums, 9), Load(sums, 10), Load(sums, 11));
            (s30, s31, s32, s33) = (Load(sums, 12), Load(sums, 13), Load(sums, 14), Load(sums, 15));
        }
        byte* ahead = w0 + Tiling.PrefetchDistance;
        for (int i = 0; i < vectors; i++)
        {
            // Of float32, several tokens mostly meet rows that were just decoded.
            if (N.Value == 1 || typeof(T) != typeof(F32))
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
                x1 += L.Count * sizeof(float);
            }
            if (N.Value > 2)
            {
                a = L.Load<F32>(x2);
                s20 = L.MultiplyAdd(r0, a, s20);
                s21 = L.MultiplyAdd(r1, a, s21);
                s22 = L.MultiplyAdd(r2, a, s22);
                s23 = L.MultiplyAdd(r3, a, s23);
                x2 += L.Count * sizeof(float);
                a = L.Load<F32>(x3);
                s30 = L.MultiplyAdd(r0, a, s30);
                s31 = L.MultiplyAdd(r1, a, s31);
                s32 = L.MultiplyAdd(r2, a, s32);
                s33 = L.MultiplyAdd(r3, a, s33);
                x3 += L.Count * sizeof(float);
            }
            x0 += L.Count * sizeof(float);
            w0 += L.Count * T.Bytes;
            w1 += L.Count * T.Bytes;
            w2 += L.Count * T.Bytes;
            w3 += L.Count * T.Bytes;
        }
        Store(sums, s00, s01, s02, s03);
        if (N.Value > 1)
            Store(sums + (Rows * L.Count), s10, s11, s12, s13);
        if (N.Value > 2)
        {
            Store(sums + (2 * Rows * L.Count), s20, s21, s22, s23);
            Store(sums + (3 * Rows * L.Count), s30, s31, s32, s33);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load(float* sums, int index) => L.Load<F32>((byte*)(sums + (index * L.Count)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* sums, V row0, V row1, V row2, V row3)
    {
        L.Store(row0, sums);
        L.Store(row1, sums + L.Count);
        L.Store(row2, sums + (2 * L.Count));
        L.Store(row3, sums + (3 * L.Count));
    }
}
