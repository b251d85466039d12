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

    private static readonly Tensors.ElementLayout Layout = Tensors.ElementLayout.Of(T.Type);

    private static int Rows => 2 * L.Count;

    private static int ZeroPoint => T.SignedCodes && L.BiasedCodes ? 128 : T.ZeroPoint;

    // Sums of this many steps of four products fit 16 bits: each lane half gains at most 2·127·MaxCode.
    private static int SafeSteps
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            int steps = Steps;
            while (L.ShortSums && steps > 1 && steps * 2 * 127 * T.MaxCode > short.MaxValue)
                steps /= 2;
            return steps;
        }
    }

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
                    TileChunk part = new(tile, block, chunk, x + (t * xStride), xStride, k, y + (t * yStride) + r, yStride);
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
        byte* x0 = part.X, x1 = x0 + (N.Value > 1 ? part.XStride : 0);
        byte* x2 = x1 + (N.Value > 2 ? part.XStride : 0), x3 = x2 + (N.Value > 3 ? part.XStride : 0);
        float* y0 = part.Y, y1 = y0 + part.YStride, y2 = y1 + part.YStride, y3 = y2 + part.YStride;
        V t00 = default, t01 = default, t10 = default, t11 = default, t20 = default, t21 = default, t30 = default, t31 = default;
        if (part.FirstBlock > 0)
        {
            (t00, t01) = (L.Load(y0), L.Load(y0 + L.Count));
            if (N.Value > 1)
                (t10, t11) = (L.Load(y1), L.Load(y1 + L.Count));
            if (N.Value > 2)
                (t20, t21) = (L.Load(y2), L.Load(y2 + L.Count));
            if (N.Value > 3)
                (t30, t31) = (L.Load(y3), L.Load(y3 + L.Count));
        }
        uint* tile = part.Tile;
        for (int block = part.FirstBlock; block < part.FirstBlock + part.Blocks; block++, tile += Rows * (Units - Steps))
        {
            int* a0 = (int*)(x0 + ((long)block * ISmallBlock<T>.Length)), a1 = (int*)(x1 + ((long)block * ISmallBlock<T>.Length));
            int* a2 = (int*)(x2 + ((long)block * ISmallBlock<T>.Length)), a3 = (int*)(x3 + ((long)block * ISmallBlock<T>.Length));
            V s00 = Start(x0, part.K, block), s01 = s00, s10 = default, s11 = default, s20 = default, s21 = default, s30 = default, s31 = default;
            if (N.Value > 1)
                s10 = s11 = Start(x1, part.K, block);
            if (N.Value > 2)
                s20 = s21 = Start(x2, part.K, block);
            if (N.Value > 3)
                s30 = s31 = Start(x3, part.K, block);
            for (int step = 0; step < Steps; step += SafeSteps)
            {
                V p00 = default, p01 = default, p10 = default, p11 = default, p20 = default, p21 = default, p30 = default, p31 = default;
                for (int inner = 0; inner < SafeSteps; inner++)
                {
                    V w0 = L.Load(tile), w1 = L.Load(tile + L.Count);
                    V a = L.Broadcast(*a0);
                    p00 = L.AddProducts(p00, w0, a);
                    p01 = L.AddProducts(p01, w1, a);
                    if (N.Value > 1)
                    {
                        a = L.Broadcast(*a1);
                        p10 = L.AddProducts(p10, w0, a);
                        p11 = L.AddProducts(p11, w1, a);
                    }
                    if (N.Value > 2)
                    {
                        a = L.Broadcast(*a2);
                        p20 = L.AddProducts(p20, w0, a);
                        p21 = L.AddProducts(p21, w1, a);
                    }
                    if (N.Value > 3)
                    {
                        a = L.Broadcast(*a3);
                        p30 = L.AddProducts(p30, w0, a);
                        p31 = L.AddProducts(p31, w1, a);
                    }
                    tile += Rows;
                    a0++;
                    a1++;
                    a2++;
                    a3++;
                }
                (s00, s01) = (L.AddSums(s00, p00), L.AddSums(s01, p01));
                if (N.Value > 1)
                    (s10, s11) = (L.AddSums(s10, p10), L.AddSums(s11, p11));
                if (N.Value > 2)
                    (s20, s21) = (L.AddSums(s20, p20), L.AddSums(s21, p21));
                if (N.Value > 3)
                    (s30, s31) = (L.AddSums(s30, p30), L.AddSums(s31, p31));
            }
            Finish(tile, x0, part.K, block, s00, s01, ref t00, ref t01);
            if (N.Value > 1)
                Finish(tile, x1, part.K, block, s10, s11, ref t10, ref t11);
            if (N.Value > 2)
                Finish(tile, x2, part.K, block, s20, s21, ref t20, ref t21);
            if (N.Value > 3)
                Finish(tile, x3, part.K, block, s30, s31, ref t30, ref t31);
        }
        Store(t00, t01, y0);
        if (N.Value > 1)
            Store(t10, t11, y1);
        if (N.Value > 2)
            Store(t20, t21, y2);
        if (N.Value > 3)
            Store(t30, t31, y3);
    }

    // The sum starts at what the codes' zero point would add to it, negative.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Start(byte* x, int k, int block) => ZeroPoint == 0 ? default : L.Broadcast(-ZeroPoint * Q8SmallRow.Sums(x, k)[block]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(uint* headers, byte* x, int k, int block, V sum0, V sum1, ref V total0, ref V total1)
    {
        float scale = Q8SmallRow.Scales(x, k)[block];
        V scales = L.Broadcast(BitConverter.SingleToInt32Bits(scale));
        total0 = L.MultiplyAdd(L.ToSingle(sum0), L.Multiply(L.Load(headers), scales), total0);
        total1 = L.MultiplyAdd(L.ToSingle(sum1), L.Multiply(L.Load(headers + L.Count), scales), total1);
        if (!T.HasMinimum)
            return;
        V minimum = L.Broadcast(BitConverter.SingleToInt32Bits(scale * Q8SmallRow.Sums(x, k)[block]));
        total0 = L.MultiplyAdd(L.Load(headers + Rows), minimum, total0);
        total1 = L.MultiplyAdd(L.Load(headers + Rows + L.Count), minimum, total1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(V value0, V value1, float* y)
    {
        L.Store(value0, y);
        L.Store(value1, y + L.Count);
    }
}
