using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Formats with blocks of 256 weights against few tokens, in vectors of 64 codes: four rows at once, each unpacked once for up to three tokens.
/// Arithmetic as in <see cref="SuperRows{T, R}"/>, to the last bit.
/// </summary>
/// <typeparam name="T">The weights' format.</typeparam>
internal readonly unsafe struct WideSuperRows<T> : IRowProduct
    where T : struct, ISuperBlock<T>
{
    private const int Rows = 4;

    // Spreads a row's scales over the pairs of products of each vector of codes: a chunk of 16 codes is half a lane of scales and uses one.
    private static readonly Vector512<byte> Spread0 = Spread(0), Spread1 = Spread(1), Spread2 = Spread(2), Spread3 = Spread(3);

    // Without minimums, registers run short of room for a third.
    public static int MostTokens => T.HasMinimums ? 3 : 2;

    public static void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        long stride = (long)k / ISuperBlock<T>.Length * WideActivations<T>.Record;
        byte* arranged = ThreadScratch.Get(tokens * stride);
        for (int t = 0; t < tokens; t++)
            WideActivations<T>.Arrange(x + (t * xStride), k, arranged + (t * stride));
        for (int r = 0; r < rows; r += Rows)
        {
            FourRows from = new(w + (r * rowBytes), rowBytes, Math.Min(Rows, rows - r));
            Tokens of = new(arranged, stride, (byte*)Q8SuperRow.Scales(x, k), xStride, k);
            Results to = new(y + r, yStride, from.Count);
            switch (tokens)
            {
                case 1:
                    DotRows<One>(from, of, to);
                    break;
                case 2:
                    DotRows<Two>(from, of, to);
                    break;
                default:
                    DotRows<Three>(from, of, to);
                    break;
            }
        }
    }

    // Digits: the token, then the row where there is one. No calls inside: they would push all sums out of their registers.
    private static void DotRows<N>(in FourRows rows, in Tokens tokens, in Results results)
        where N : struct, ITokenCount
    {
        int blockBytes = Layout.BlockBytes, header = Layout.RowHeaderBytes;
        byte* row0 = rows.First, row1 = rows.At(1), row2 = rows.At(2), row3 = rows.At(3);
        byte* b0 = row0 + header, b1 = row1 + header, b2 = row2 + header, b3 = row3 + header;
        byte* a0 = tokens.Codes, a1 = a0 + tokens.Stride, a2 = a1 + tokens.Stride;
        float* f0 = (float*)tokens.Scales, f1 = (float*)(tokens.Scales + tokens.ScaleStride), f2 = (float*)((byte*)f1 + tokens.ScaleStride);
        byte* ahead = row0 + Tiling.PrefetchDistance;
        Vector128<float> total0 = default, total1 = default, total2 = default;
        for (int block = 0; block < tokens.K / ISuperBlock<T>.Length; block++)
        {
            Tiling.Prefetch(ahead, Rows * blockBytes);
            ahead += Rows * blockBytes;
            T.LoadWideScales(b0, b1, b2, b3, out Vector512<short> s0, out Vector512<short> s1, out Vector512<short> s2, out Vector512<short> s3, out Vector512<short> minimums);
            AddRow<N>(b0, s0, a0, a1, a2, out Vector512<int> p00, out Vector512<int> p10, out Vector512<int> p20);
            AddRow<N>(b1, s1, a0, a1, a2, out Vector512<int> p01, out Vector512<int> p11, out Vector512<int> p21);
            Vector512<int> q0 = LaneSums.Pairs(p00, p01), q1 = default, q2 = default;
            if (N.Value > 1)
                q1 = LaneSums.Pairs(p10, p11);
            if (N.Value > 2)
                q2 = LaneSums.Pairs(p20, p21);
            AddRow<N>(b2, s2, a0, a1, a2, out Vector512<int> p02, out Vector512<int> p12, out Vector512<int> p22);
            AddRow<N>(b3, s3, a0, a1, a2, out Vector512<int> p03, out Vector512<int> p13, out Vector512<int> p23);

            Vector128<uint> headers = Vector128.Create(
                T.HeaderBits(row0, b0), T.HeaderBits(row1, b1), T.HeaderBits(row2, b2), T.HeaderBits(row3, b3));
            Vector128<float> d = T.Scales(headers), m = T.HasMinimums ? T.MinimumScales(headers) : default;
            total0 = Finish(total0, LaneSums.OfPairs(q0, LaneSums.Pairs(p02, p03)), d, minimums, m, a0, f0 + block);
            if (N.Value > 1)
                total1 = Finish(total1, LaneSums.OfPairs(q1, LaneSums.Pairs(p12, p13)), d, minimums, m, a1, f1 + block);
            if (N.Value > 2)
                total2 = Finish(total2, LaneSums.OfPairs(q2, LaneSums.Pairs(p22, p23)), d, minimums, m, a2, f2 + block);

            b0 += blockBytes;
            b1 += blockBytes;
            b2 += blockBytes;
            b3 += blockBytes;
            a0 += WideActivations<T>.Record;
            a1 += WideActivations<T>.Record;
            a2 += WideActivations<T>.Record;
        }

        results.Store(0, total0);
        if (N.Value > 1)
            results.Store(1, total1);
        if (N.Value > 2)
            results.Store(2, total2);
    }

    // Σ scale·(code − zero)·activation of one row's block, over the lanes, for each token.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRow<N>(
        byte* block, Vector512<short> scales, byte* a0, byte* a1, byte* a2,
        out Vector512<int> p0, out Vector512<int> p1, out Vector512<int> p2)
        where N : struct, ITokenCount
    {
        T.LoadWideCodes(block, 0, out Vector512<byte> c0, out Vector512<byte> c1);
        T.LoadWideCodes(block, 1, out Vector512<byte> c2, out Vector512<byte> c3);
        Vector512<short> s0 = Avx512BW.Shuffle(scales.AsByte(), Spread0).AsInt16();
        Vector512<short> s1 = Avx512BW.Shuffle(scales.AsByte(), Spread1).AsInt16();
        Vector512<short> s2 = Avx512BW.Shuffle(scales.AsByte(), Spread2).AsInt16();
        Vector512<short> s3 = Avx512BW.Shuffle(scales.AsByte(), Spread3).AsInt16();
        p0 = Products(c0, s0, a0, 0) + Products(c1, s1, a0, 1) + (Products(c2, s2, a0, 2) + Products(c3, s3, a0, 3));
        p1 = p2 = default;
        if (N.Value > 1)
            p1 = Products(c0, s0, a1, 0) + Products(c1, s1, a1, 1) + (Products(c2, s2, a1, 2) + Products(c3, s3, a1, 3));
        if (N.Value > 2)
            p2 = Products(c0, s0, a2, 0) + Products(c1, s1, a2, 1) + (Products(c2, s2, a2, 2) + Products(c3, s3, a2, 3));
        if (T.ZeroPoint == 0)
            return;
        p0 += ZeroProducts(scales, a0);
        if (N.Value > 1)
            p1 += ZeroProducts(scales, a1);
        if (N.Value > 2)
            p2 += ZeroProducts(scales, a2);
    }

    // 64 products summed in pairs as 16-bit numbers (at most 2·127·127), times the scale of each 16, summed in pairs as 32-bit numbers.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Products(Vector512<byte> codes, Vector512<short> scales, byte* a, int index)
    {
        Vector512<short> pairs;
        if (T.SignedCodes)
        {
            // The activation's sign goes to the code.
            Vector512<byte> signs = Vector512.Load(a + WideActivations<T>.SignsAt + (index * 64));
            pairs = Avx512BW.MultiplyAddAdjacent(Vector512.Load(a + (index * 64)), ((codes ^ signs) - signs).AsSByte());
        }
        else
        {
            pairs = Avx512BW.MultiplyAddAdjacent(codes, Vector512.Load((sbyte*)a + (index * 64)));
        }

        return Avx512BW.MultiplyAddAdjacent(pairs, scales);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> ZeroProducts(Vector512<short> scales, byte* a) =>
        Avx512BW.MultiplyAddAdjacent(scales, Vector512.Load((short*)(a + WideActivations<T>.SumsAt)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Finish(
        Vector128<float> total, Vector128<int> sums, Vector128<float> d, Vector512<short> minimums, Vector128<float> m, byte* a, float* scale)
    {
        Vector128<float> value = d * Vector128.ConvertToSingle(sums);
        if (T.HasMinimums)
        {
            Vector512<int> products = Avx512BW.MultiplyAddAdjacent(minimums, Vector512.Load((short*)(a + WideActivations<T>.SumsAt)));
            value = Fma.MultiplyAddNegated(m, Vector128.ConvertToSingle(LaneSums.OfQuarters(products)), value);
        }

        return Fma.MultiplyAdd(value, Vector128.Create(*scale), total);
    }

    private static Tensors.ElementLayout Layout => WideActivationsLayout.Of;

    private static Vector512<byte> Spread(int vector)
    {
        byte* lanes = stackalloc byte[64];
        for (int i = 0; i < 64; i++)
        {
            int chunk = ((vector / 2) * 8) + T.WideOrder[((vector % 2) * 4) + (i / 16)];
            lanes[i] = (byte)((chunk / 2 * 2) + (i % 2));
        }

        return Vector512.Load(lanes);
    }

    private static class WideActivationsLayout
    {
        public static readonly Tensors.ElementLayout Of = Tensors.ElementLayout.Of(T.Type);
    }

    /// <summary>Four rows of weights; beyond the count, the last one again.</summary>
    private readonly struct FourRows(byte* first, long rowBytes, int count)
    {
        public byte* First => first;

        public int Count => count;

        public byte* At(int row) => first + (Math.Min(row, count - 1) * rowBytes);
    }

    /// <summary>Up to three tokens' arranged activations, and the scales of their blocks.</summary>
    private readonly struct Tokens(byte* codes, long stride, byte* scales, long scaleStride, int k)
    {
        public byte* Codes => codes;

        public long Stride => stride;

        public byte* Scales => scales;

        public long ScaleStride => scaleStride;

        public int K => k;
    }

    /// <summary>Where the results of the rows go.</summary>
    private readonly struct Results(float* y, long stride, int count)
    {
        public void Store(int token, Vector128<float> value)
        {
            float* to = y + (token * stride);
            if (count == Rows)
            {
                value.Store(to);
                return;
            }

            for (int row = 0; row < count; row++)
                to[row] = value.GetElement(row);
        }
    }
}
