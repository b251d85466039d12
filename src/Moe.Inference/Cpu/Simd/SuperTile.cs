using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Many tokens against formats with blocks of 256 weights. Two vectors of rows are unpacked a few blocks at a time, four codes of a row in a
/// lane, and stay in the first-level cache while all tokens pass. Arithmetic as in <see cref="SuperKernel{T, R, V, L}"/>, to the last bit.
/// </summary>
internal static unsafe class SuperTile<T, V, L>
    where T : struct, ISuperBlock<T>
    where V : struct
    where L : struct, ITileLanes<V>
{
    // Blocks of a row unpacked at a time.
    private const int ChunkBlocks = 2;

    // Units are 32-bit numbers per row: codes, a scale per group, eight pairs of minimums, d and m padded to eight.
    private const int CodeUnits = ISuperBlock<T>.Length / 4, MinimumUnits = 8, HeaderUnits = 8;

    private static readonly Tensors.ElementLayout Layout = Tensors.ElementLayout.Of(T.Type);

    private static int Rows => 2 * L.Count;

    private static int Groups => ISuperBlock<T>.Length / T.GroupLength;

    private static int Units => CodeUnits + Groups + MinimumUnits + HeaderUnits;

    private static int ZeroPoint => T.SignedCodes && L.BiasedCodes ? 128 : T.ZeroPoint;

    private static bool HasPairs => T.HasMinimums || ZeroPoint != 0;

    // Sums of this many steps of four products fit 16 bits: each lane half gains at most 2·127·MaxCode.
    private static int SafeSteps
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            int steps = T.GroupLength / 4;
            while (L.ShortSums && steps > 1 && steps * 2 * 127 * T.MaxCode > short.MaxValue)
                steps /= 2;
            return steps;
        }
    }

    /// <inheritdoc cref="WeightKernel.Dot"/>
    [SkipLocalsInit]
    public static void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        // Both buffers aligned to cache lines.
        byte* memory = stackalloc byte[((ChunkBlocks + 1) * Rows * Units * sizeof(uint)) + (Tiling.Tokens * Rows * sizeof(float)) + 64];
        uint* tile = (uint*)(((nuint)memory + 63) & ~(nuint)63);
        uint* unpacked = tile + (ChunkBlocks * Rows * Units);
        float* edge = (float*)(unpacked + (Rows * Units));
        int blocks = k / ISuperBlock<T>.Length;
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
        uint* to = unpacked;
        for (int r = 0; r < Rows; r++, to += Units)
        {
            byte* row = w + (Math.Min(r, count - 1) * rowBytes);
            byte* from = row + Layout.RowHeaderBytes + ((long)block * Layout.BlockBytes);
            UnpackCodes(from, (byte*)to);
            T.LoadScales(from, out Vector256<short> scales, out Vector256<short> minimums);
            UnpackScales(scales, to + CodeUnits);
            (T.HasMinimums ? minimums : scales * (short)ZeroPoint).AsUInt32().Store(to + CodeUnits + Groups);
            Vector128<uint> header = Vector128.CreateScalar(T.HeaderBits(row, from));
            float* floats = (float*)(to + CodeUnits + Groups + MinimumUnits);
            floats[0] = T.Scales(header).ToScalar();
            floats[1] = T.HasMinimums ? T.MinimumScales(header).ToScalar() : 0;
        }
        Tiling.Transpose(unpacked, Rows, Units, tile);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackCodes(byte* block, byte* to)
    {
        Vector256<byte> bias = Vector256.Create((byte)(T.SignedCodes && L.BiasedCodes ? 0x80 : 0));
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

    // Lanes are groups 0, 2, … 14, 1, 3, … 15 of 16; back to the order of the weights, twice a unit or widened.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void UnpackScales(Vector256<short> scales, uint* to)
    {
        Vector256<int> even = Vector256.Create(Vector128.WidenLower(scales.GetLower()), Vector128.WidenUpper(scales.GetLower()));
        Vector256<int> odd = Vector256.Create(Vector128.WidenLower(scales.GetUpper()), Vector128.WidenUpper(scales.GetUpper()));
        if (L.ShortSums)
        {
            even = (even & Vector256.Create(0xFFFF)) | (even << 16);
            odd = (odd & Vector256.Create(0xFFFF)) | (odd << 16);
        }
        if (T.GroupLength == 32)
        {
            even.AsUInt32().Store(to);
            return;
        }
        for (int group = 0; group < 8; group++)
        {
            to[2 * group] = (uint)even.GetElement(group);
            to[(2 * group) + 1] = (uint)odd.GetElement(group);
        }
    }

    // Letters: tokens 0..3 in order, then vector 0 or 1 of rows.
    private static void Multiply<N>(in TileChunk part)
        where N : struct, ITokenCount
    {
        byte* x0 = part.X, x1 = x0 + (N.Value > 1 ? part.XStride : 0);
        byte* x2 = x1 + (N.Value > 2 ? part.XStride : 0), x3 = x2 + (N.Value > 3 ? part.XStride : 0);
        for (int i = 0; i < part.Blocks; i++)
        {
            int block = part.FirstBlock + i;
            uint* tile = part.Tile + ((long)i * Rows * Units);
            uint* scales = tile + (CodeUnits * Rows), pairs = scales + (Groups * Rows), headers = pairs + (MinimumUnits * Rows);
            int* a0 = (int*)(x0 + ((long)block * ISuperBlock<T>.Length)), a1 = (int*)(x1 + ((long)block * ISuperBlock<T>.Length));
            int* a2 = (int*)(x2 + ((long)block * ISuperBlock<T>.Length)), a3 = (int*)(x3 + ((long)block * ISuperBlock<T>.Length));
            V s00 = default, s01 = default, s10 = default, s11 = default, s20 = default, s21 = default, s30 = default, s31 = default;
            for (int group = 0; group < Groups; group++)
            {
                V scale0 = L.Load(scales), scale1 = L.Load(scales + L.Count);
                for (int step = 0; step < T.GroupLength / 4; step += SafeSteps)
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
                    s00 = L.AddScaled(s00, p00, scale0);
                    s01 = L.AddScaled(s01, p01, scale1);
                    if (N.Value > 1)
                    {
                        s10 = L.AddScaled(s10, p10, scale0);
                        s11 = L.AddScaled(s11, p11, scale1);
                    }
                    if (N.Value > 2)
                    {
                        s20 = L.AddScaled(s20, p20, scale0);
                        s21 = L.AddScaled(s21, p21, scale1);
                    }
                    if (N.Value > 3)
                    {
                        s30 = L.AddScaled(s30, p30, scale0);
                        s31 = L.AddScaled(s31, p31, scale1);
                    }
                }
                scales += Rows;
            }
            Finish(part, x0, part.Y, block, pairs, headers, s00, s01);
            if (N.Value > 1)
                Finish(part, x1, part.Y + part.YStride, block, pairs, headers, s10, s11);
            if (N.Value > 2)
                Finish(part, x2, part.Y + (2 * part.YStride), block, pairs, headers, s20, s21);
            if (N.Value > 3)
                Finish(part, x3, part.Y + (3 * part.YStride), block, pairs, headers, s30, s31);
        }
    }

    // y = scale of the activations · (d·sum − m·minimums) + y
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(in TileChunk part, byte* x, float* y, int block, uint* pairs, uint* headers, V sum0, V sum1)
    {
        V minimum0 = default, minimum1 = default;
        if (HasPairs)
        {
            int* activationSums = (int*)(Q8SuperRow.Sums(x, part.K) + ((long)block * 16));
            for (int pair = 0; pair < MinimumUnits; pair++, pairs += Rows)
            {
                V activations = L.Broadcast(activationSums[pair]);
                minimum0 = L.AddPairs(minimum0, L.Load(pairs), activations);
                minimum1 = L.AddPairs(minimum1, L.Load(pairs + L.Count), activations);
            }
            if (!T.HasMinimums)
            {
                sum0 = L.Subtract(sum0, minimum0);
                sum1 = L.Subtract(sum1, minimum1);
            }
        }
        V value0 = L.Multiply(L.Load(headers), L.ToSingle(sum0)), value1 = L.Multiply(L.Load(headers + L.Count), L.ToSingle(sum1));
        if (T.HasMinimums)
        {
            value0 = L.MultiplyAddNegated(L.Load(headers + Rows), L.ToSingle(minimum0), value0);
            value1 = L.MultiplyAddNegated(L.Load(headers + Rows + L.Count), L.ToSingle(minimum1), value1);
        }
        V scale = L.Broadcast(((int*)Q8SuperRow.Scales(x, part.K))[block]);
        V before0 = block == 0 ? default : L.Load(y), before1 = block == 0 ? default : L.Load(y + L.Count);
        L.Store(L.MultiplyAdd(value0, scale, before0), y);
        L.Store(L.MultiplyAdd(value1, scale, before1), y + L.Count);
    }
}
