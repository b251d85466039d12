using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Transposes 32-bit numbers.</summary>
internal static unsafe class Transposition
{
    /// <summary><c>target[c·rows + r] = source[r·stride + c]</c>; both counts are multiples of 16.</summary>
    /// <typeparam name="S">By its vectors' length it is done 8 by 8 or 16 by 16.</typeparam>
    public static void Run<S>(uint* source, int stride, int rows, int columns, uint* target)
        where S : struct, ITileShape
    {
        for (int r = 0; r < rows; r += S.Count)
        {
            for (int c = 0; c < columns; c += S.Count)
            {
                if (S.Count == 16)
                    Run16(source + (r * stride) + c, stride, target + (c * rows) + r, rows);
                else
                    Run8(source + (r * stride) + c, stride, target + (c * rows) + r, rows);
            }
        }
    }

    /// <summary><c>target[16·c + r]</c> is word c of the r-th of 16 sources; up to three words beyond the last one are written, too.</summary>
    /// <param name="sources">Where the sources begin; of four words that begin with one of the columns, all can be read.</param>
    /// <param name="first">The first word.</param>
    /// <param name="end">The word after the last one.</param>
    /// <param name="target">Where they go.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run16(byte** sources, int first, int end, uint* target)
    {
        for (int c = first; c < end; c += 4)
        {
            Four16(sources, c, out Vector512<uint> w0, out Vector512<uint> w1, out Vector512<uint> w2, out Vector512<uint> w3);
            w0.Store(target + (16 * c));
            w1.Store(target + (16 * c) + 16);
            w2.Store(target + (16 * c) + 32);
            w3.Store(target + (16 * c) + 48);
        }
    }

    // Four neighbouring words of each of 16 sources: a vector for each word, a lane for each source.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four16(byte** sources, int column, out Vector512<uint> w0, out Vector512<uint> w1, out Vector512<uint> w2, out Vector512<uint> w3) => Four(
        Quarters(sources, 0, column), Quarters(sources, 1, column), Quarters(sources, 2, column), Quarters(sources, 3, column), out w0, out w1, out w2, out w3);

    // Four words of sources r, r + 4, r + 8 and r + 12.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Quarters(byte** sources, int r, int c) => Vector512.Create(
        Vector256.Create(Vector128.Load((uint*)sources[r] + c), Vector128.Load((uint*)sources[r + 4] + c)),
        Vector256.Create(Vector128.Load((uint*)sources[r + 8] + c), Vector128.Load((uint*)sources[r + 12] + c)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Run8(uint* source, int stride, uint* target, int rows)
    {
        // Pairs of rows interleaved, then pairs of pairs, then the 128-bit halves exchanged.
        Vector256<uint> r0 = Vector256.Load(source), r1 = Vector256.Load(source + stride);
        Vector256<uint> r2 = Vector256.Load(source + (2 * stride)), r3 = Vector256.Load(source + (3 * stride));
        Vector256<uint> r4 = Vector256.Load(source + (4 * stride)), r5 = Vector256.Load(source + (5 * stride));
        Vector256<uint> r6 = Vector256.Load(source + (6 * stride)), r7 = Vector256.Load(source + (7 * stride));
        Vector256<ulong> a0 = Avx2.UnpackLow(r0, r1).AsUInt64(), a1 = Avx2.UnpackHigh(r0, r1).AsUInt64();
        Vector256<ulong> a2 = Avx2.UnpackLow(r2, r3).AsUInt64(), a3 = Avx2.UnpackHigh(r2, r3).AsUInt64();
        Vector256<ulong> a4 = Avx2.UnpackLow(r4, r5).AsUInt64(), a5 = Avx2.UnpackHigh(r4, r5).AsUInt64();
        Vector256<ulong> a6 = Avx2.UnpackLow(r6, r7).AsUInt64(), a7 = Avx2.UnpackHigh(r6, r7).AsUInt64();
        StoreColumns(Avx2.UnpackLow(a0, a2), Avx2.UnpackLow(a4, a6), target, rows);
        StoreColumns(Avx2.UnpackHigh(a0, a2), Avx2.UnpackHigh(a4, a6), target + rows, rows);
        StoreColumns(Avx2.UnpackLow(a1, a3), Avx2.UnpackLow(a5, a7), target + (2 * rows), rows);
        StoreColumns(Avx2.UnpackHigh(a1, a3), Avx2.UnpackHigh(a5, a7), target + (3 * rows), rows);
    }

    // Columns c and c + 4: the lower halves, then the upper ones, of rows 0..3 and rows 4..7.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreColumns(Vector256<ulong> rows03, Vector256<ulong> rows47, uint* target, int rows)
    {
        Avx2.Permute2x128(rows03, rows47, 0x20).AsUInt32().Store(target);
        Avx2.Permute2x128(rows03, rows47, 0x31).AsUInt32().Store(target + (4 * rows));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Run16(uint* source, int stride, uint* target, int rows)
    {
        // Four rows at a time: each 128-bit lane becomes columns c, c + 1, c + 2, c + 3 of the four rows. Then lanes are exchanged.
        Four(source, stride, out Vector512<uint> a0, out Vector512<uint> a1, out Vector512<uint> a2, out Vector512<uint> a3);
        Four(source + (4 * stride), stride, out Vector512<uint> b0, out Vector512<uint> b1, out Vector512<uint> b2, out Vector512<uint> b3);
        Four(source + (8 * stride), stride, out Vector512<uint> c0, out Vector512<uint> c1, out Vector512<uint> c2, out Vector512<uint> c3);
        Four(source + (12 * stride), stride, out Vector512<uint> d0, out Vector512<uint> d1, out Vector512<uint> d2, out Vector512<uint> d3);
        StoreLanes(a0, b0, c0, d0, target, rows);
        StoreLanes(a1, b1, c1, d1, target + rows, rows);
        StoreLanes(a2, b2, c2, d2, target + (2 * rows), rows);
        StoreLanes(a3, b3, c3, d3, target + (3 * rows), rows);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(uint* source, int stride, out Vector512<uint> t0, out Vector512<uint> t1, out Vector512<uint> t2, out Vector512<uint> t3) => Four(
        Vector512.Load(source), Vector512.Load(source + stride), Vector512.Load(source + (2 * stride)), Vector512.Load(source + (3 * stride)), out t0, out t1, out t2, out t3);

    /// <summary>
    /// Sixteen neighbouring words of each of four sources. Of <c>t0</c>, 128 bits have word 0 of the four sources, the next ones word 4, then 8,
    /// then 12; the others likewise from words 1, 2 and 3 on.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Four(byte** sources, int column, out Vector512<uint> t0, out Vector512<uint> t1, out Vector512<uint> t2, out Vector512<uint> t3) => Four(
        Vector512.Load((uint*)sources[0] + column),
        Vector512.Load((uint*)sources[1] + column),
        Vector512.Load((uint*)sources[2] + column),
        Vector512.Load((uint*)sources[3] + column),
        out t0,
        out t1,
        out t2,
        out t3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(
        Vector512<uint> r0, Vector512<uint> r1, Vector512<uint> r2, Vector512<uint> r3, out Vector512<uint> t0, out Vector512<uint> t1, out Vector512<uint> t2, out Vector512<uint> t3)
    {
        Vector512<ulong> a0 = Avx512F.UnpackLow(r0, r1).AsUInt64(), a1 = Avx512F.UnpackHigh(r0, r1).AsUInt64();
        Vector512<ulong> a2 = Avx512F.UnpackLow(r2, r3).AsUInt64(), a3 = Avx512F.UnpackHigh(r2, r3).AsUInt64();
        t0 = Avx512F.UnpackLow(a0, a2).AsUInt32();
        t1 = Avx512F.UnpackHigh(a0, a2).AsUInt32();
        t2 = Avx512F.UnpackLow(a1, a3).AsUInt32();
        t3 = Avx512F.UnpackHigh(a1, a3).AsUInt32();
    }

    // Lane l of the four vectors is column c + 4·l of rows 0..3, 4..7, 8..11 and 12..15.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreLanes(Vector512<uint> a, Vector512<uint> b, Vector512<uint> c, Vector512<uint> d, uint* target, int rows)
    {
        Lanes(a, b, c, d, out Vector512<uint> w0, out Vector512<uint> w4, out Vector512<uint> w8, out Vector512<uint> w12);
        w0.Store(target);
        w4.Store(target + (4 * rows));
        w8.Store(target + (8 * rows));
        w12.Store(target + (12 * rows));
    }

    /// <summary>Transposes four vectors of four lanes of 128 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Lanes(
        Vector512<uint> a, Vector512<uint> b, Vector512<uint> c, Vector512<uint> d, out Vector512<uint> w0, out Vector512<uint> w4, out Vector512<uint> w8, out Vector512<uint> w12)
    {
        Vector512<uint> lowerAb = Avx512F.Shuffle4x128(a, b, 0x44), lowerCd = Avx512F.Shuffle4x128(c, d, 0x44);
        Vector512<uint> upperAb = Avx512F.Shuffle4x128(a, b, 0xEE), upperCd = Avx512F.Shuffle4x128(c, d, 0xEE);
        w0 = Avx512F.Shuffle4x128(lowerAb, lowerCd, 0x88);
        w4 = Avx512F.Shuffle4x128(lowerAb, lowerCd, 0xDD);
        w8 = Avx512F.Shuffle4x128(upperAb, upperCd, 0x88);
        w12 = Avx512F.Shuffle4x128(upperAb, upperCd, 0xDD);
    }
}
