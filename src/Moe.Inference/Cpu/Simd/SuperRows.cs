using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Formats with blocks of 256 weights against few tokens, in vectors of 32 codes: four rows at once against one token. A block's integer sums
/// are exact and become one float multiply-add, in the order of the blocks.
/// </summary>
/// <typeparam name="T">The weights' format.</typeparam>
/// <typeparam name="R">The instructions.</typeparam>
internal readonly unsafe struct SuperRows<T, R> : IRowProduct
    where T : struct, ISuperBlock<T>
    where R : struct, IRowInstructions
{
    private const int Rows = 4;

    private static readonly Tensors.ElementLayout Layout = Tensors.ElementLayout.Of(T.Type);

    public static int MostTokens => Tiling.MinTokens - 1;

    public static void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        for (int r = 0; r < rows; r += Rows)
        {
            byte* row0 = w + (r * rowBytes);
            byte* row1 = w + (Math.Min(r + 1, rows - 1) * rowBytes);
            byte* row2 = w + (Math.Min(r + 2, rows - 1) * rowBytes);
            byte* row3 = w + (Math.Min(r + 3, rows - 1) * rowBytes);
            for (int t = 0; t < tokens; t++)
            {
                Vector128<float> result = DotRows(row0, row1, row2, row3, x + (t * xStride), k);
                float* to = y + (t * yStride) + r;
                if (rows - r >= Rows)
                {
                    result.Store(to);
                    continue;
                }
                for (int lane = 0; lane < rows - r; lane++)
                    to[lane] = result.GetElement(lane);
            }
        }
    }

    private static Vector128<float> DotRows(byte* row0, byte* row1, byte* row2, byte* row3, byte* x, int k)
    {
        int header = Layout.RowHeaderBytes, blockBytes = Layout.BlockBytes;
        short* sums = Q8SuperRow.Sums(x, k);
        float* scales = Q8SuperRow.Scales(x, k);
        byte* b0 = row0 + header, b1 = row1 + header, b2 = row2 + header, b3 = row3 + header;
        byte* ahead = row0 + Tiling.PrefetchDistance;
        Vector128<float> total = Vector128<float>.Zero;
        for (int block = 0; block < k / ISuperBlock<T>.Length; block++)
        {
            Tiling.Prefetch(ahead, Rows * blockBytes);
            ahead += Rows * blockBytes;
            Vector256<short> sum = Vector256.Load(sums);
            Vector256<int> p0 = BlockSums(b0, (sbyte*)x, sum, out Vector256<int> m0);
            Vector256<int> p1 = BlockSums(b1, (sbyte*)x, sum, out Vector256<int> m1);
            Vector256<int> p2 = BlockSums(b2, (sbyte*)x, sum, out Vector256<int> m2);
            Vector256<int> p3 = BlockSums(b3, (sbyte*)x, sum, out Vector256<int> m3);
            Vector128<uint> headers = Vector128.Create(
                T.HeaderBits(row0, b0), T.HeaderBits(row1, b1), T.HeaderBits(row2, b2), T.HeaderBits(row3, b3));
            Vector128<float> value = T.Scales(headers) * Vector128.ConvertToSingle(LaneSums.Of(p0, p1, p2, p3));
            if (T.HasMinimums)
                value = Fma.MultiplyAddNegated(T.MinimumScales(headers), Vector128.ConvertToSingle(LaneSums.Of(m0, m1, m2, m3)), value);
            total = Fma.MultiplyAdd(value, Vector128.Create(*scales), total);

            b0 += blockBytes;
            b1 += blockBytes;
            b2 += blockBytes;
            b3 += blockBytes;
            x += ISuperBlock<T>.Length;
            sums += 16;
            scales++;
        }
        return total;
    }

    // Σ scale·(code − zero)·activation over the lanes of the result, and Σ minimum·(sum of activations) over those of `minimums`.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> BlockSums(byte* block, sbyte* x, Vector256<short> activationSums, out Vector256<int> minimums)
    {
        T.LoadScales(block, out Vector256<short> s, out Vector256<short> m);
        minimums = T.HasMinimums ? R.AddPairs(Vector256<int>.Zero, m, activationSums) : default;
        Vector256<int> sum = Vector256<int>.Zero;
        T.LoadCodes(block, 0, out Vector256<byte> c0, out Vector256<byte> c1, out Vector256<byte> c2, out Vector256<byte> c3);
        sum = AddScaled(sum, c0, x, s, 0);
        sum = AddScaled(sum, c1, x, s, 1);
        sum = AddScaled(sum, c2, x, s, 2);
        sum = AddScaled(sum, c3, x, s, 3);
        T.LoadCodes(block, 1, out c0, out c1, out c2, out c3);
        sum = AddScaled(sum, c0, x, s, 4);
        sum = AddScaled(sum, c1, x, s, 5);
        sum = AddScaled(sum, c2, x, s, 6);
        sum = AddScaled(sum, c3, x, s, 7);
        if (T.ZeroPoint != 0)
            sum -= R.AddPairs(Vector256<int>.Zero, s, activationSums) * T.ZeroPoint;
        return sum;
    }

    // 32 products summed in pairs as 16-bit numbers (at most 2·127·128), times the scale of each 16, summed in pairs as 32-bit numbers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> AddScaled(Vector256<int> sum, Vector256<byte> codes, sbyte* x, Vector256<short> scales, int index)
    {
        Vector256<sbyte> activations = Vector256.Load(x + (index * 32));
        Vector256<short> pairs = T.SignedCodes
            ? Avx2.MultiplyAddAdjacent(Avx2.Abs(codes.AsSByte()), Avx2.Sign(activations, codes.AsSByte()))
            : Avx2.MultiplyAddAdjacent(codes, activations);
        // Bytes 2·index and 2·index + 1 of either half, eight times.
        Vector256<byte> spread = Vector256.Create((ushort)(0x0100 + (index * 0x0202))).AsByte();
        return R.AddPairs(sum, pairs, Avx2.Shuffle(scales.AsByte(), spread).AsInt16());
    }
}
