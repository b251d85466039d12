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

    private const int RowBytes = 16 * ISmallBlock<T>.Length;

    private static readonly Tensors.ElementLayout Layout = Tensors.ElementLayout.Of(T.Type);

    public static int Rows => 2 * S.Count;

    public static int BlockLength => ISmallBlock<T>.Length;

    public static int BlockBytes => Layout.BlockBytes;

    public static int ChunkBlocks => 16;

    public static int SideUnits => T.HasMinimum ? 2 : 1;

    public static int WorkBytes => Rows * RowBytes;

    public static byte* Sums(byte* row, int k, int block) => (byte*)(Q8SmallRow.Sums(row, k) + block);

    public static float* Scales(byte* row, int k, int block) => Q8SmallRow.Scales(row, k) + block;

    public static void Unpack(byte* w, long rowBytes, int rows, int block, int blocks, uint* codes, uint* side, byte* work)
    {
        Vector256<byte> bias = Vector256.Create((byte)(T.SignedCodes && S.BiasedCodes ? 0x80 : 0));
        for (int r = 0; r < Rows; r++)
        {
            byte* from = w + (Math.Min(r, rows - 1) * rowBytes) + ((long)block * Layout.BlockBytes);
            byte* to = work + (r * RowBytes);
            for (int i = 0; i < blocks; i++, from += Layout.BlockBytes, to += ISmallBlock<T>.Length)
                (T.LoadCodes(from) ^ bias).Store(to);
        }
        for (int r = 0; r < Rows; r += 8)
            ConvertHeaders(w + ((long)block * Layout.BlockBytes), rowBytes, r, rows - 1, blocks, (float*)side + r);

        // Columns of a whole vector; those beyond the blocks hold what was there before.
        int columns = (blocks * ISmallBlock<T>.Length / sizeof(uint)) + 15 & ~15;
        Transposition.Run<S>((uint*)work, RowBytes / sizeof(uint), Rows, columns, codes);
    }

    private static void ConvertHeaders(byte* w, long rowBytes, int first, int last, int blocks, float* to)
    {
        uint* headers = stackalloc uint[8];
        for (int i = 0; i < blocks; i++, w += Layout.BlockBytes, to += SideUnits * Rows)
        {
            for (int r = 0; r < 8; r++)
                headers[r] = T.HeaderBits(w + (Math.Min(first + r, last) * rowBytes));
            Vector256<uint> eight = Vector256.Load(headers);
            T.Scales(eight).Store(to);
            if (T.HasMinimum)
                T.Minimums(eight).Store(to + Rows);
        }
    }
}
