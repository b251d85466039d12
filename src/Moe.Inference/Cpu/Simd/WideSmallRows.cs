using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Formats with blocks of 32 weights against few tokens: two blocks of eight rows at once, whose sums are added up in wide vectors. Arithmetic
/// as in <see cref="SmallRows{T, R}"/>, to the last bit.
/// </summary>
/// <typeparam name="T">The weights' format.</typeparam>
internal readonly unsafe struct WideSmallRows<T> : IRowProduct
    where T : struct, ISmallBlock<T>
{
    private const int Rows = SmallRows<T, VnniRows>.Rows;

    // Of what Shuffle4x128 takes: quarters 0 and 2 of both, 1 and 3 of both, the two middle ones exchanged.
    private const byte Even = 0b10_00_10_00, Odd = 0b11_01_11_01, Exchanged = 0b11_01_10_00;

    // Further than usual: eight rows of a format as wide as Q8_0 are more than the usual distance, and the last would come late.
    private const int PrefetchDistance = 2 * Tiling.PrefetchDistance;

    // Assembled tiles, which formats without minimums have, pay from two tokens on.
    public static int MostTokens => T.HasMinimum ? Tiling.MinTokens - 1 : 1;

    public static void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        for (int r = 0; r < rows; r += Rows)
        {
            int count = Math.Min(Rows, rows - r);
            for (int t = 0; t < tokens; t++)
                SmallRows<T, VnniRows>.Store(DotRows(w + (r * rowBytes), rowBytes, count - 1, x + (t * xStride), k), y + (t * yStride) + r, count);
        }
    }

    // Rows beyond the last repeat it. They are places from one pointer on, as more pointers than registers would be written back in every turn.
    private static Vector256<float> DotRows(byte* w, long rowBytes, int last, byte* x, int k)
    {
        float* scales = Q8SmallRow.Scales(x, k);
        int* sums = Q8SmallRow.Sums(x, k);
        int blockBytes = Tensors.ElementLayout.Of(T.Type).BlockBytes, blocks = k / ISmallBlock<T>.Length;
        long o1 = Math.Min(1, last) * rowBytes, o2 = Math.Min(2, last) * rowBytes, o3 = Math.Min(3, last) * rowBytes, o4 = Math.Min(4, last) * rowBytes;
        long o5 = Math.Min(5, last) * rowBytes, o6 = Math.Min(6, last) * rowBytes, o7 = Math.Min(7, last) * rowBytes;
        Vector256<float> total = Vector256<float>.Zero;
        for (int block = 0; block < blocks; block += 2)
        {
            // A last block without a partner stands for it, too, and is counted once.
            bool whole = block + 1 < blocks;
            int step = whole ? blockBytes : 0;
            Tiling.Prefetch(w + PrefetchDistance + (block * (Rows - 1) * blockBytes), 2 * Rows * blockBytes);
            Vector256<sbyte> a = Vector256.Load((sbyte*)x), b = Vector256.Load((sbyte*)x + (whole ? ISmallBlock<T>.Length : 0));
            Vector512<long> first = Four(Products(w, step, a, b), Products(w + o1, step, a, b), Products(w + o2, step, a, b), Products(w + o3, step, a, b));
            Vector512<long> second = Four(Products(w + o4, step, a, b), Products(w + o5, step, a, b), Products(w + o6, step, a, b), Products(w + o7, step, a, b));
            Vector512<long> both = (Avx512F.Shuffle4x128(first, second, Even).AsInt32() + Avx512F.Shuffle4x128(first, second, Odd).AsInt32()).AsInt64();
            Vector512<int> all = Avx512F.Shuffle4x128(both, both, Exchanged).AsInt32();
            total = AddBlock(total, all.GetLower(), Headers(w, o1, o2, o3, o4, o5, o6, o7), scales[block], sums[block]);
            w += blockBytes;
            if (whole)
                total = AddBlock(total, all.GetUpper(), Headers(w, o1, o2, o3, o4, o5, o6, o7), scales[block + 1], sums[block + 1]);
            w += blockBytes;
            x += 2 * ISmallBlock<T>.Length;
        }

        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Products(byte* block, int step, Vector256<sbyte> a, Vector256<sbyte> b) =>
        Vector512.Create(SmallRows<T, VnniRows>.Products(block, a), SmallRows<T, VnniRows>.Products(block + step, b));

    // In each quarter: the sum of that quarter of each row.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<long> Four(Vector512<int> r0, Vector512<int> r1, Vector512<int> r2, Vector512<int> r3)
    {
        Vector512<long> lower = LaneSums.Pairs(r0, r1).AsInt64(), upper = LaneSums.Pairs(r2, r3).AsInt64();
        return (Avx512F.UnpackLow(lower, upper).AsInt32() + Avx512F.UnpackHigh(lower, upper).AsInt32()).AsInt64();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Headers(byte* w, long o1, long o2, long o3, long o4, long o5, long o6, long o7) => Vector256.Create(
        T.HeaderBits(w), T.HeaderBits(w + o1), T.HeaderBits(w + o2), T.HeaderBits(w + o3),
        T.HeaderBits(w + o4), T.HeaderBits(w + o5), T.HeaderBits(w + o6), T.HeaderBits(w + o7));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> AddBlock(Vector256<float> total, Vector256<int> sum, Vector256<uint> headers, float activationScale, int activationSum)
    {
        if (SmallRows<T, VnniRows>.ZeroPoint != 0)
            sum -= Vector256.Create(SmallRows<T, VnniRows>.ZeroPoint * activationSum);
        Vector256<float> scale = T.Scales(headers) * Vector256.Create(activationScale);
        total = Fma.MultiplyAdd(Vector256.ConvertToSingle(sum), scale, total);
        return T.HasMinimum ? Fma.MultiplyAdd(T.Minimums(headers), Vector256.Create(activationScale * activationSum), total) : total;
    }
}
