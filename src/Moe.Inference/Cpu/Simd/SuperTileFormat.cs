using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Tiles of formats with blocks of 256 weights.</summary>
/// <typeparam name="T">The format.</typeparam>
/// <typeparam name="S">What the product wants.</typeparam>
internal readonly unsafe struct SuperTileFormat<T, S> : ITileFormat
    where T : struct, ISuperBlock<T>
    where S : struct, ITileShape
{
    /// <summary>Groups of a block.</summary>
    public static readonly int Groups = ISuperBlock<T>.Length / T.GroupLength;

    /// <summary>What is to be subtracted from each code as it is stored.</summary>
    public static readonly int ZeroPoint = T.SignedCodes && S.BiasedCodes ? 128 : T.ZeroPoint;

    /// <summary>Pairs of groups that have minimums, or a zero point in their place.</summary>
    public static readonly int Pairs = T.HasMinimums || (ZeroPoint != 0 && !S.KnowsZeroPoint) ? Groups / 2 : 0;

    private const int RowBytes = Tiling.SuperChunk * ISuperBlock<T>.Length, ShortUnits = 16, Lanes = 16, VectorBytes = Lanes * sizeof(uint);

    private static readonly Tensors.ElementLayout Layout = Tensors.ElementLayout.Of(T.Type);

    // 32-bit numbers of a block's codes in the tile.
    private static int CodeUnits => ISuperBlock<T>.Length / sizeof(uint) * Rows;

    public static int Rows => 2 * S.Count;

    public static int BlockLength => ISuperBlock<T>.Length;

    public static int BlockBytes => Layout.BlockBytes;

    public static int ChunkBlocks => Tiling.SuperChunk;

    public static int SideUnits => Groups + Pairs + 2;

    public static bool CanPack => S.Count == Lanes && T.TurnedWords > 0;

    public static int WorkBytes => (Rows * RowBytes) + (2 * Rows * ShortUnits * sizeof(uint)) + (Rows * sizeof(uint));

    public static byte* Sums(byte* row, int k, int block) => S.TakesPairSums && T.HasMinimums
        ? (byte*)(Q8SuperRow.PairSums(row, k) + ((long)block * 8))
        : (byte*)(Q8SuperRow.Sums(row, k) + ((long)block * 16));

    public static float* Scales(byte* row, int k, int block) => Q8SuperRow.Scales(row, k) + block;

    public static void Unpack(byte* w, long rowBytes, int rows, int block, int blocks, uint* codes, uint* side, byte* work, ref WeightsAhead ahead)
    {
        if (CanPack)
        {
            UnpackTurned(w, rowBytes, rows, block, blocks, codes, side, (uint*)work, ref ahead);
            return;
        }
        byte* shorts = work + (Rows * RowBytes);
        uint* turned = (uint*)shorts + (Rows * ShortUnits);
        uint* headers = turned + (Rows * ShortUnits);
        for (int i = 0; i < blocks; i++, side += SideUnits * Rows)
        {
            for (int r = 0; r < Rows; r++)
            {
                byte* row = w + (Math.Min(r, rows - 1) * rowBytes);
                byte* from = row + Layout.RowHeaderBytes + ((long)(block + i) * Layout.BlockBytes);
                UnpackCodes(from, work + (r * RowBytes) + (i * ISuperBlock<T>.Length));
                UnpackShorts(from, shorts + (r * ShortUnits * sizeof(uint)));
                headers[r] = T.HeaderBits(row, from);
                ahead.Prefetch(Layout.BlockBytes);
            }
            Transposition.Run<S>((uint*)shorts, ShortUnits, Rows, ShortUnits, turned);
            SplitScales(turned, side);
            new ReadOnlySpan<uint>(turned + (ShortUnits / 2 * Rows), Pairs * Rows).CopyTo(new Span<uint>(side + (Groups * Rows), Pairs * Rows));
            ConvertHeaders(headers, (float*)(side + ((Groups + Pairs) * Rows)), Rows);
        }
        Transposition.Run<S>((uint*)work, RowBytes / sizeof(uint), Rows, blocks * ISuperBlock<T>.Length / sizeof(uint), codes);
    }

    // Words of 16 rows are turned, so that a vector has one of each row; then those of all rows are unpacked at once.
    private static void UnpackTurned(byte* w, long rowBytes, int rows, int block, int blocks, uint* codes, uint* side, uint* turned, ref WeightsAhead ahead)
    {
        byte** from = stackalloc byte*[Lanes];
        for (int i = 0; i < blocks; i++, side += SideUnits * Rows, codes += CodeUnits)
        {
            for (int half = 0; half < Rows; half += Lanes)
            {
                for (int r = 0; r < Lanes; r++)
                    from[r] = w + (Math.Min(half + r, rows - 1) * rowBytes) + Layout.RowHeaderBytes + ((long)(block + i) * Layout.BlockBytes);
                Transposition.Run16(from, 0, T.FirstCodeWord, turned);
                ahead.Prefetch(T.FirstCodeWord * VectorBytes);
                for (int word = 0; word < ISuperBlock<T>.CodeWords; word += Lanes)
                {
                    int column = T.FirstCodeWord + word;
                    Transposition.Four(from, column, out Vector512<uint> a0, out Vector512<uint> a1, out Vector512<uint> a2, out Vector512<uint> a3);
                    Transposition.Four(from + 4, column, out Vector512<uint> b0, out Vector512<uint> b1, out Vector512<uint> b2, out Vector512<uint> b3);
                    Transposition.Four(from + 8, column, out Vector512<uint> c0, out Vector512<uint> c1, out Vector512<uint> c2, out Vector512<uint> c3);
                    Transposition.Four(from + 12, column, out Vector512<uint> d0, out Vector512<uint> d1, out Vector512<uint> d2, out Vector512<uint> d3);
                    StoreTurnedLanes(a0, b0, c0, d0, word, turned, codes + half, ref ahead);
                    StoreTurnedLanes(a1, b1, c1, d1, word + 1, turned, codes + half, ref ahead);
                    StoreTurnedLanes(a2, b2, c2, d2, word + 2, turned, codes + half, ref ahead);
                    StoreTurnedLanes(a3, b3, c3, d3, word + 3, turned, codes + half, ref ahead);
                }
                StoreTurnedSide(turned, side + half);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreTurnedLanes(
        Vector512<uint> a, Vector512<uint> b, Vector512<uint> c, Vector512<uint> d, int word, uint* turned, uint* codes, ref WeightsAhead ahead)
    {
        Transposition.Lanes(a, b, c, d, out Vector512<uint> w0, out Vector512<uint> w4, out Vector512<uint> w8, out Vector512<uint> w12);
        T.StoreTurnedCodes(w0, word, turned, codes, Rows);
        T.StoreTurnedCodes(w4, word + 4, turned, codes, Rows);
        T.StoreTurnedCodes(w8, word + 8, turned, codes, Rows);
        T.StoreTurnedCodes(w12, word + 12, turned, codes, Rows);
        ahead.Prefetch(4 * VectorBytes);
    }

    // Blocks in order; of each, those of the first 16 rows turned, then those of the others. It may be all that a program does for seconds after its
    // start, too early for the runtime to have found out that it matters.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(byte* w, long rowBytes, byte* packed)
    {
        byte** from = stackalloc byte*[Lanes];
        for (long at = Layout.RowHeaderBytes; at < rowBytes; at += Layout.BlockBytes)
        {
            for (int half = 0; half < Rows; half += Lanes, packed += Lanes * Layout.BlockBytes)
            {
                for (int r = 0; r < Lanes; r++)
                    from[r] = w + ((half + r) * rowBytes) + at;
                // The last of these write beyond, which is where words of codes go.
                Transposition.Run16(from, 0, T.FirstCodeWord, (uint*)packed);
                Transposition.Run16(from, T.FirstCodeWord, T.TurnedWords, (uint*)packed);
            }
        }
    }

    public static void UnpackPacked(byte* packed, int block, int blocks, uint* codes, uint* side, ref WeightsAhead ahead)
    {
        packed += (long)block * Rows * Layout.BlockBytes;
        for (int i = 0; i < blocks; i++, side += SideUnits * Rows, codes += CodeUnits)
        {
            for (int half = 0; half < Rows; half += Lanes, packed += Lanes * Layout.BlockBytes)
            {
                uint* turned = (uint*)packed, words = turned + (T.FirstCodeWord * Lanes);
                for (int word = 0; word < ISuperBlock<T>.CodeWords; word++, words += Lanes)
                {
                    T.StoreTurnedCodes(Vector512.Load(words), word, turned, codes + half, Rows);
                    ahead.Prefetch(VectorBytes);
                }

                ahead.Prefetch(T.FirstCodeWord * VectorBytes);
                StoreTurnedSide(turned, side + half);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreTurnedSide(uint* turned, uint* side)
    {
        T.StoreTurnedScales(turned, side, side + (Groups * Rows), Rows);
        ConvertHeaders(turned, (float*)(side + ((Groups + Pairs) * Rows)), Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackCodes(byte* block, byte* to)
    {
        Vector256<byte> bias = Vector256.Create((byte)(T.SignedCodes && S.BiasedCodes ? 0x80 : 0));
        T.LoadCodes(block, 0, out Vector256<byte> c0, out Vector256<byte> c1, out Vector256<byte> c2, out Vector256<byte> c3);
        (c0 ^ bias).Store(to);
        (c1 ^ bias).Store(to + 32);
        (c2 ^ bias).Store(to + 64);
        (c3 ^ bias).Store(to + 96);
        T.LoadCodes(block, 1, out c0, out c1, out c2, out c3);
        (c0 ^ bias).Store(to + 128);
        (c1 ^ bias).Store(to + 160);
        (c2 ^ bias).Store(to + 192);
        (c3 ^ bias).Store(to + 224);
    }

    // Eight pairs of scales and eight pairs of minimums, in the order of LoadScales.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackShorts(byte* block, byte* to)
    {
        T.LoadScales(block, out Vector256<short> scales, out Vector256<short> minimums);
        scales.Store((short*)to);
        (T.HasMinimums ? minimums : scales * (short)ZeroPoint).Store((short*)to + 16);
    }

    // Pairs of scales to ints by group, or to the same short twice. Of groups of 32, which come twice, the first half is taken.
    private static void SplitScales(uint* pairs, uint* scales)
    {
        for (int pair = 0; pair < Groups / 2; pair++, pairs += Rows)
        {
            (int first, int second) = T.GroupLength == 32 ? (2 * pair, (2 * pair) + 1) : pair < 4 ? (4 * pair, (4 * pair) + 2) : ((4 * (pair - 4)) + 1, (4 * (pair - 4)) + 3);
            for (int r = 0; r < Rows; r += 8)
            {
                Vector256<int> both = Vector256.Load((int*)pairs + r);
                Vector256<int> low = S.ShortSums ? (both & Vector256.Create(0xFFFF)) | (both << 16) : (both << 16) >> 16;
                Vector256<int> high = S.ShortSums ? (both >>> 16) | (both & Vector256.Create(-65536)) : both >> 16;
                low.Store((int*)scales + (first * Rows) + r);
                high.Store((int*)scales + (second * Rows) + r);
            }
        }
    }

    private static void ConvertHeaders(uint* headers, float* to, int count)
    {
        for (int r = 0; r < count; r += 4)
        {
            Vector128<uint> four = Vector128.Load(headers + r);
            T.Scales(four).Store(to + r);
            if (T.HasMinimums)
                T.MinimumScales(four).Store(to + Rows + r);
        }
    }
}
