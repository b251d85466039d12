using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Simd;

/// <summary>What the tiles for many tokens share.</summary>
internal static unsafe class Tiling
{
    /// <summary>From how many tokens on unpacking weights to a tile pays.</summary>
    public const int MinTokens = 4;

    /// <summary>How far ahead of their use weights are asked for, in bytes.</summary>
    public const int PrefetchDistance = 16384;

    /// <summary>Tokens that a tile meets at once.</summary>
    public const int Tokens = 4;

    /// <summary>
    /// Steps of four products whose sums fit: two 16-bit numbers of a lane gain at most 2·127·<paramref name="maxCode"/> each.
    /// </summary>
    /// <param name="steps">Steps wanted, a power of two.</param>
    /// <param name="maxCode">The greatest code.</param>
    /// <param name="shortSums">Whether sums have 16 bits at all.</param>
    public static int SafeSteps(int steps, int maxCode, bool shortSums)
    {
        while (shortSums && steps > 1 && steps * 2 * 127 * maxCode > short.MaxValue)
            steps /= 2;
        return steps;
    }

    /// <summary>
    /// Asks for memory to come nearer. Rows taken together are read as several streams, which machines guess badly; asked for in the order of
    /// addresses, they come at full speed.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(byte* p, int bytes)
    {
        if (!Sse.IsSupported)
            return;
        for (int i = 0; i < bytes; i += 64)
            Sse.Prefetch0(p + i);
    }

    /// <summary>
    /// Transposes 32-bit numbers: <c>target[c·rows + r] = source[r·columns + c]</c>; both counts are multiples of 8.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose(uint* source, int rows, int columns, uint* target)
    {
        for (int r = 0; r < rows; r += 8)
        {
            for (int c = 0; c < columns; c += 8)
                Transpose8(source + (r * columns) + c, columns, target + (c * rows) + r, rows);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose8(uint* source, int columns, uint* target, int rows)
    {
        // Pairs of rows interleaved, then pairs of pairs, then the 128-bit halves exchanged.
        Vector256<uint> r0 = Vector256.Load(source), r1 = Vector256.Load(source + columns);
        Vector256<uint> r2 = Vector256.Load(source + (2 * columns)), r3 = Vector256.Load(source + (3 * columns));
        Vector256<uint> r4 = Vector256.Load(source + (4 * columns)), r5 = Vector256.Load(source + (5 * columns));
        Vector256<uint> r6 = Vector256.Load(source + (6 * columns)), r7 = Vector256.Load(source + (7 * columns));
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
}
