using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Many tokens against formats with blocks of 32 weights. Two vectors of rows are unpacked a few blocks at a time, four codes of a row in a
/// lane, and stay in the first-level cache while all tokens pass. Arithmetic as in <see cref="SmallKernel{T, R, V, L}"/>, to the last bit.
/// </summary>
internal static unsafe class SmallTile<T, V, L>
    where T : struct, ISmallBlock<T>
    where V : struct
    where L : struct, ITileLanes<V>
{
    // Blocks of a row unpacked at a time.
    private const int ChunkBlocks = 16;

    // Units are 32-bit numbers per row: codes, then d and m padded to eight.
    private const int Steps = ISmallBlock<T>.Length / 4, Units = Steps + 8;

    // Fields, not properties: the compiler sees them as constants without having to inline anything.
    private static readonly Tensors.ElementLayout Layout = Tensors.ElementLayout.Of(T.Type);
    private static readonly int Rows = 2 * L.Count;
    private static readonly int ZeroPoint = T.SignedCodes && L.BiasedCodes ? 128 : T.ZeroPoint;
    private static readonly int SafeSteps = Tiling.SafeSteps(Steps, T.MaxCode, L.ShortSums);

    /// <inheritdoc cref="WeightKernel.Dot"/>
    [SkipLocalsInit]
    public static void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        byte* memory = stackalloc byte[((ChunkBlocks + 1) * Rows * Units * sizeof(uint)) + (Tiling.Tokens * Rows * sizeof(float)) + 64];
        uint* tile = (uint*)(((nuint)memory + 63) & ~(nuint)63);
        uint* unpacked = tile + (ChunkBlocks * Rows * Units);
        float* edge = (float*)(unpacked + (Rows * Units));
        int blocks = k / ISmallBlock<T>.Length;
        for (int r = 0; r < rows; r += Rows)
        {
            int count = Math.Min(Rows, rows - r);
            for (int block = 0; block < blocks; block += ChunkBlocks)
            {
                int chunk = Math.Min(ChunkBlocks, blocks - block);
                for (int i = 0; i < chunk; i++)
                    Unpack(w + (r * rowBytes), rowBytes, count, block + i, unpacked, tile + (i * Rows * Units));
                for (int t = 0; t < tokens; t += Tiling.Tokens)
                {
                    TileChunk part = new(tile, block, chunk, x + (t * xStride), xStride, k, y + (t * yStride) + r, yStride, null);
                    Multiply(part, Math.Min(Tiling.Tokens, tokens - t), count, edge);
                }
            }
        }
    }

    private static void Multiply(in TileChunk part, int tokens, int rows, float* edge)
    {
        TileChunk inner = part.OpenEdge(rows, Rows, tokens, edge);
        switch (tokens)
        {
            case 1:
                Multiply<One>(inner);
                break;
            case 2:
                Multiply<Two>(inner);
                break;
            case 3:
                Multiply<Three>(inner);
                break;
            default:
                Multiply<Four>(inner);
                break;
        }
        part.CloseEdge(rows, Rows, tokens, edge);
    }

    // Rows beyond the count repeat the last one.
    private static void Unpack(byte* w, long rowBytes, int count, int block, uint* unpacked, uint* tile)
    {
        Vector256<byte> bias = Vector256.Create((byte)(T.SignedCodes && L.BiasedCodes ? 0x80 : 0));
        uint* to = unpacked;
        for (int r = 0; r < Rows; r++, to += Units)
        {
            byte* from = w + (Math.Min(r, count - 1) * rowBytes) + ((long)block * Layout.BlockBytes);
            (T.LoadCodes(from) ^ bias).Store((byte*)to);
            Vector256<uint> header = Vector256.CreateScalar(T.HeaderBits(from));
            float* floats = (float*)(to + Steps);
            floats[0] = T.Scales(header).ToScalar();
            floats[1] = T.HasMinimum ? T.Minimums(header).ToScalar() : 0;
        }
        Tiling.Transpose(unpacked, Rows, Units, tile);
    }

    private static void Multiply<N>(in TileChunk part)
        where N : struct, ITokenCount
    {
        int k = part.K;
        byte* x0 = part.X;
        float* y0 = part.Y;
        byte* x1 = x0 + (N.Value > 1 ? part.XStride : 0);
        byte* x2 = x1 + (N.Value > 2 ? part.XStride : 0);
        byte* x3 = x2 + (N.Value > 3 ? part.XStride : 0);
        float* y1 = y0 + part.YStride;
        float* y2 = y1 + part.YStride;
        float* y3 = y2 + part.YStride;
        RowPair<V, L> t0 = default, t1 = default, t2 = default, t3 = default;
        if (part.FirstBlock > 0)
        {
            t0 = RowPair<V, L>.Load(y0);
            if (N.Value > 1)
                t1 = RowPair<V, L>.Load(y1);
            if (N.Value > 2)
                t2 = RowPair<V, L>.Load(y2);
            if (N.Value > 3)
                t3 = RowPair<V, L>.Load(y3);
        }
        uint* tile = part.Tile;
        for (int block = part.FirstBlock; block < part.FirstBlock + part.Blocks; block++, tile += Rows * (Units - Steps))
        {
            RowPair<V, L> s0 = Start(x0, k, block);
            RowPair<V, L> s1 = N.Value > 1 ? Start(x1, k, block) : default;
            RowPair<V, L> s2 = N.Value > 2 ? Start(x2, k, block) : default;
            RowPair<V, L> s3 = N.Value > 3 ? Start(x3, k, block) : default;
            int* a0 = (int*)x0 + ((long)block * Steps);
            int* a1 = (int*)x1 + ((long)block * Steps);
            int* a2 = (int*)x2 + ((long)block * Steps);
            int* a3 = (int*)x3 + ((long)block * Steps);
            for (int step = 0; step < Steps; step += SafeSteps)
            {
                RowPair<V, L> p0 = default, p1 = default, p2 = default, p3 = default;
                TileSteps<V, L, N>.Add(tile, SafeSteps, a0, a1, a2, a3, ref p0, ref p1, ref p2, ref p3);
                tile += SafeSteps * Rows;
                a0 += SafeSteps;
                a1 += SafeSteps;
                a2 += SafeSteps;
                a3 += SafeSteps;
                s0 = s0.AddSums(p0);
                if (N.Value > 1)
                    s1 = s1.AddSums(p1);
                if (N.Value > 2)
                    s2 = s2.AddSums(p2);
                if (N.Value > 3)
                    s3 = s3.AddSums(p3);
            }
            t0 = Finish(tile, x0, k, block, s0, t0);
            if (N.Value > 1)
                t1 = Finish(tile, x1, k, block, s1, t1);
            if (N.Value > 2)
                t2 = Finish(tile, x2, k, block, s2, t2);
            if (N.Value > 3)
                t3 = Finish(tile, x3, k, block, s3, t3);
        }
        t0.Store(y0);
        if (N.Value > 1)
            t1.Store(y1);
        if (N.Value > 2)
            t2.Store(y2);
        if (N.Value > 3)
            t3.Store(y3);
    }

    // The sum starts at what the codes' zero point would add to it, negative.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static RowPair<V, L> Start(byte* x, int k, int block) =>
        ZeroPoint == 0 ? default : RowPair<V, L>.Broadcast(-ZeroPoint * Q8SmallRow.Sums(x, k)[block]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static RowPair<V, L> Finish(uint* headers, byte* x, int k, int block, RowPair<V, L> sum, RowPair<V, L> total)
    {
        float scale = Q8SmallRow.Scales(x, k)[block];
        RowPair<V, L> scales = RowPair<V, L>.Load(headers).Multiply(RowPair<V, L>.Broadcast(scale));
        total = sum.ToSingle().MultiplyAdd(scales, total);
        if (!T.HasMinimum)
            return total;
        return RowPair<V, L>.Load(headers + Rows).MultiplyAdd(RowPair<V, L>.Broadcast(scale * Q8SmallRow.Sums(x, k)[block]), total);
    }
}
