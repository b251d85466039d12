using System.Runtime.Intrinsics;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Tiles of formats with blocks of 32 weights.</summary>
/// <typeparam name="T">The format.</typeparam>
/// <typeparam name="S">What the product wants.</typeparam>
internal readonly unsafe struct SmallTileFormat<T, S> : ITileFormat
    where T : struct, ISmallBlock<T>
    where S : struct, ITileShape
{
    /// <summary>What is to be subtracted from each code as it is stored.</summary>
    public static readonly int ZeroPoint = T.SignedCodes && S.BiasedCodes ? 128 : T.ZeroPoint;

    private const int RowBytes = Tiling.SmallChunk * ISmallBlock<T>.Length;

    private static readonly Tensors.ElementLayout Layout = Tensors.ElementLayout.Of(T.Type);

    public static int Rows => 2 * S.Count;

    public static int BlockLength => ISmallBlock<T>.Length;

    public static int BlockBytes => Layout.BlockBytes;

    public static int ChunkBlocks => Tiling.SmallChunk;

    public static int SideUnits => T.HasMinimum ? 2 : 1;

    public static int WorkBytes => Rows * (RowBytes + (ChunkBlocks * sizeof(uint)));

    public static byte* Sums(byte* row, int k, int block) => (byte*)(Q8SmallRow.Sums(row, k) + block);

    public static float* Scales(byte* row, int k, int block) => Q8SmallRow.Scales(row, k) + block;

    public static void Unpack(byte* w, long rowBytes, int rows, int block, int blocks, uint* codes, uint* side, byte* work, ref WeightsAhead ahead)
    {
        Vector256<byte> bias = Vector256.Create((byte)(T.SignedCodes && S.BiasedCodes ? 0x80 : 0));
        uint* headers = (uint*)(work + (Rows * RowBytes));
        for (int r = 0; r < Rows; r++)
        {
            byte* from = w + (Math.Min(r, rows - 1) * rowBytes) + ((long)block * Layout.BlockBytes);
            byte* to = work + (r * RowBytes);
            for (int i = 0; i < blocks; i++, from += Layout.BlockBytes, to += ISmallBlock<T>.Length)
            {
                (T.LoadCodes(from) ^ bias).Store(to);
                headers[(i * Rows) + r] = T.HeaderBits(from);
            }

            ahead.Prefetch(blocks * Layout.BlockBytes);
        }

        // Columns of a whole vector; those beyond the blocks hold what was there before.
        int columns = ((blocks * ISmallBlock<T>.Length / sizeof(uint)) + 15) & ~15;
        Transposition.Run<S>((uint*)work, RowBytes / sizeof(uint), Rows, columns, codes);
        for (int i = 0; i < blocks; i++, side += SideUnits * Rows, headers += Rows)
            ConvertHeaders(headers, (float*)side);
    }

    private static void ConvertHeaders(uint* headers, float* to)
    {
        for (int r = 0; r < Rows; r += 8)
        {
            Vector256<uint> eight = Vector256.Load(headers + r);
            T.Scales(eight).Store(to + r);
            if (T.HasMinimum)
                T.Minimums(eight).Store(to + Rows + r);
        }
    }
}
