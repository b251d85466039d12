using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Formats with blocks of 32 weights against few tokens: eight rows at once against one token, a row per lane. A block's integer sum is exact
/// and becomes one float multiply-add, in the order of the blocks.
/// </summary>
/// <typeparam name="T">The weights' format.</typeparam>
/// <typeparam name="R">The instructions.</typeparam>
internal readonly unsafe struct SmallRows<T, R> : IRowProduct
    where T : struct, ISmallBlock<T>
    where R : struct, IRowInstructions
{
    /// <summary>Rows at once.</summary>
    public const int Rows = 8;

    public static int MostTokens => Tiling.MinTokens - 1;

    /// <summary>What is subtracted from codes: signed ones become unsigned ones for the byte dot product by adding 128.</summary>
    public static int ZeroPoint
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => T.SignedCodes && R.HasByteDot ? 128 : T.ZeroPoint;
    }

    public static void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        for (int r = 0; r < rows; r += Rows)
        {
            int count = Math.Min(Rows, rows - r);
            for (int t = 0; t < tokens; t++)
                Store(DotRows(w + (r * rowBytes), rowBytes, count, x + (t * xStride), k), y + (t * yStride) + r, count);
        }
    }

    /// <summary>Writes the results of some rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> result, float* to, int count)
    {
        if (count == Rows)
        {
            result.Store(to);
            return;
        }

        for (int lane = 0; lane < count; lane++)
            to[lane] = result.GetElement(lane);
    }

    /// <summary>Sums of products of four codes and four activations, which keep the zero point.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Products(byte* block, Vector256<sbyte> activations)
    {
        Vector256<byte> codes = T.LoadCodes(block);
        if (!T.SignedCodes)
            return R.AddQuads(Vector256<int>.Zero, codes, activations);
        if (R.HasByteDot)
            return R.AddQuads(Vector256<int>.Zero, codes ^ Vector256.Create((byte)0x80), activations);
        return R.AddQuads(Vector256<int>.Zero, Avx2.Abs(codes.AsSByte()), Avx2.Sign(activations, codes.AsSByte()));
    }

    // Lanes beyond the count repeat the last row.
    private static Vector256<float> DotRows(byte* w, long rowBytes, int count, byte* x, int k)
    {
        float* scales = Q8SmallRow.Scales(x, k);
        int* sums = Q8SmallRow.Sums(x, k);
        int last = count - 1, blockBytes = Tensors.ElementLayout.Of(T.Type).BlockBytes;
        byte* b0 = w, b1 = w + (Math.Min(1, last) * rowBytes), b2 = w + (Math.Min(2, last) * rowBytes), b3 = w + (Math.Min(3, last) * rowBytes);
        byte* b4 = w + (Math.Min(4, last) * rowBytes), b5 = w + (Math.Min(5, last) * rowBytes);
        byte* b6 = w + (Math.Min(6, last) * rowBytes), b7 = w + (Math.Min(7, last) * rowBytes);
        byte* ahead = w + Tiling.PrefetchDistance;
        Vector256<float> total = Vector256<float>.Zero;
        for (int block = 0; block < k / ISmallBlock<T>.Length; block++)
        {
            Tiling.Prefetch(ahead, Rows * blockBytes);
            ahead += Rows * blockBytes;
            Vector256<sbyte> activations = Vector256.Load((sbyte*)x);
            Vector256<int> sum = LaneSums.Of(
                Products(b0, activations), Products(b1, activations), Products(b2, activations), Products(b3, activations),
                Products(b4, activations), Products(b5, activations), Products(b6, activations), Products(b7, activations));
            if (ZeroPoint != 0)
                sum -= Vector256.Create(ZeroPoint * sums[block]);
            Vector256<uint> headers = Vector256.Create(
                T.HeaderBits(b0), T.HeaderBits(b1), T.HeaderBits(b2), T.HeaderBits(b3),
                T.HeaderBits(b4), T.HeaderBits(b5), T.HeaderBits(b6), T.HeaderBits(b7));
            Vector256<float> scale = T.Scales(headers) * Vector256.Create(scales[block]);
            total = Fma.MultiplyAdd(Vector256.ConvertToSingle(sum), scale, total);
            if (T.HasMinimum)
                total = Fma.MultiplyAdd(T.Minimums(headers), Vector256.Create(scales[block] * sums[block]), total);

            b0 += blockBytes;
            b1 += blockBytes;
            b2 += blockBytes;
            b3 += blockBytes;
            b4 += blockBytes;
            b5 += blockBytes;
            b6 += blockBytes;
            b7 += blockBytes;
            x += ISmallBlock<T>.Length;
        }

        return total;
    }
}
