using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Formats with blocks of 32 weights. Few tokens: eight rows at once against one token, a row per lane. Many: see
/// <see cref="Tiles{F}"/>. Either way a block's integer sum is exact and becomes one float multiply-add, in the order of the blocks.
/// </summary>
/// <typeparam name="T">The weights' format.</typeparam>
/// <typeparam name="R">Instructions for few tokens.</typeparam>
/// <param name="tiles">The way of many tokens.</param>
internal sealed unsafe class SmallKernel<T, R>(Tiles tiles) : WeightKernel(T.Type, ActivationFormat.Q8Small)
    where T : struct, ISmallBlock<T>
    where R : struct, IRowInstructions
{
    private const int Rows = 8;

    // Signed codes become unsigned ones for the byte dot product by adding 128.
    private static int ZeroPoint => T.SignedCodes && R.HasByteDot ? 128 : T.ZeroPoint;

    public override void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        if (tokens >= Tiling.MinTokens)
        {
            tiles.Dot(w, rowBytes, rows, x, xStride, tokens, k, y, yStride);
            return;
        }
        for (int r = 0; r < rows; r += Rows)
        {
            int count = Math.Min(Rows, rows - r);
            for (int t = 0; t < tokens; t++)
            {
                Vector256<float> result = DotRows(w + (r * rowBytes), rowBytes, count, x + (t * xStride), k);
                float* to = y + (t * yStride) + r;
                if (count == Rows)
                {
                    result.Store(to);
                    continue;
                }
                for (int lane = 0; lane < count; lane++)
                    to[lane] = result.GetElement(lane);
            }
        }
    }

    // Lanes beyond the count repeat the last row.
    private Vector256<float> DotRows(byte* w, long rowBytes, int count, byte* x, int k)
    {
        float* scales = Q8SmallRow.Scales(x, k);
        int* sums = Q8SmallRow.Sums(x, k);
        int last = count - 1, blockBytes = Layout.BlockBytes;
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Products(byte* block, Vector256<sbyte> activations)
    {
        Vector256<byte> codes = T.LoadCodes(block);
        if (!T.SignedCodes)
            return R.AddQuads(Vector256<int>.Zero, codes, activations);
        if (R.HasByteDot)
            return R.AddQuads(Vector256<int>.Zero, codes ^ Vector256.Create((byte)0x80), activations);
        return R.AddQuads(Vector256<int>.Zero, Avx2.Abs(codes.AsSByte()), Avx2.Sign(activations, codes.AsSByte()));
    }
}
