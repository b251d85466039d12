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

    // Fields, not properties: the compiler sees them as constants without having to inline anything.
    private static readonly Tensors.ElementLayout Layout = Tensors.ElementLayout.Of(T.Type);
    private static readonly int Rows = 2 * L.Count;
    private static readonly int Groups = ISuperBlock<T>.Length / T.GroupLength;
    private static readonly int Units = CodeUnits + Groups + MinimumUnits + HeaderUnits;
    private static readonly int ZeroPoint = T.SignedCodes && L.BiasedCodes ? 128 : T.ZeroPoint;
    private static readonly bool HasPairs = T.HasMinimums || ZeroPoint != 0;
    private static readonly int GroupSteps = T.GroupLength / 4;
    private static readonly int SafeSteps = Tiling.SafeSteps(GroupSteps, T.MaxCode, L.ShortSums);

    /// <inheritdoc cref="WeightKernel.Dot"/>
    [SkipLocalsInit]
    public static void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        // Both buffers aligned to cache lines.
        byte* memory = stackalloc byte[((ChunkBlocks + 1) * Rows * Units * sizeof(uint)) + (3 * Tiling.Tokens * Rows * sizeof(float)) + 64];
        uint* tile = (uint*)(((nuint)memory + 63) & ~(nuint)63);
        uint* unpacked = tile + (ChunkBlocks * Rows * Units);
        float* edge = (float*)(unpacked + (Rows * Units));
        int* sums = (int*)(edge + (Tiling.Tokens * Rows));
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
                    TileChunk part = new(tile, block, chunk, x + (t * xStride), xStride, k, y + (t * yStride) + r, yStride, sums);
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

    private static void Multiply<N>(in TileChunk part)
        where N : struct, ITokenCount
    {
        for (int i = 0; i < part.Blocks; i++)
        {
            int block = part.FirstBlock + i;
            uint* tile = part.Tile + ((long)i * Rows * Units);
            AddCodes<N>(part, block, tile);
            if (HasPairs)
                AddMinimums<N>(part, block, tile + ((CodeUnits + Groups) * Rows));
            Finish(part, N.Value, block, tile + ((CodeUnits + Groups + MinimumUnits) * Rows));
        }
    }

    // Σ scale·code·activation of a block, to the first half of the sums.
    private static void AddCodes<N>(in TileChunk part, int block, uint* tile)
        where N : struct, ITokenCount
    {
        int* a0 = (int*)(part.X + ((long)block * ISuperBlock<T>.Length));
        int* a1 = (int*)((byte*)a0 + (N.Value > 1 ? part.XStride : 0));
        int* a2 = (int*)((byte*)a1 + (N.Value > 2 ? part.XStride : 0));
        int* a3 = (int*)((byte*)a2 + (N.Value > 3 ? part.XStride : 0));
        uint* scales = tile + (CodeUnits * Rows);
        RowPair<V, L> s0 = default, s1 = default, s2 = default, s3 = default;
        for (int group = 0; group < Groups; group++, scales += Rows)
        {
            RowPair<V, L> scale = RowPair<V, L>.Load(scales);
            for (int step = 0; step < GroupSteps; step += SafeSteps)
            {
                RowPair<V, L> p0 = default, p1 = default, p2 = default, p3 = default;
                TileSteps<V, L, N>.Add(tile, SafeSteps, a0, a1, a2, a3, ref p0, ref p1, ref p2, ref p3);
                tile += SafeSteps * Rows;
                a0 += SafeSteps;
                a1 += SafeSteps;
                a2 += SafeSteps;
                a3 += SafeSteps;
                s0 = s0.AddScaled(p0, scale);
                if (N.Value > 1)
                    s1 = s1.AddScaled(p1, scale);
                if (N.Value > 2)
                    s2 = s2.AddScaled(p2, scale);
                if (N.Value > 3)
                    s3 = s3.AddScaled(p3, scale);
            }
        }
        StoreSums<N>(part.Sums, s0, s1, s2, s3);
    }

    // Σ minimum·(sum of 16 activations) of a block, to the second half of the sums.
    private static void AddMinimums<N>(in TileChunk part, int block, uint* minimums)
        where N : struct, ITokenCount
    {
        int* a0 = (int*)(Q8SuperRow.Sums(part.X, part.K) + ((long)block * 16));
        int* a1 = (int*)((byte*)a0 + (N.Value > 1 ? part.XStride : 0));
        int* a2 = (int*)((byte*)a1 + (N.Value > 2 ? part.XStride : 0));
        int* a3 = (int*)((byte*)a2 + (N.Value > 3 ? part.XStride : 0));
        RowPair<V, L> s0 = default, s1 = default, s2 = default, s3 = default;
        for (int pair = 0; pair < MinimumUnits; pair++, minimums += Rows)
        {
            RowPair<V, L> shorts = RowPair<V, L>.Load(minimums);
            s0 = s0.AddPairs(shorts, *a0++);
            if (N.Value > 1)
                s1 = s1.AddPairs(shorts, *a1++);
            if (N.Value > 2)
                s2 = s2.AddPairs(shorts, *a2++);
            if (N.Value > 3)
                s3 = s3.AddPairs(shorts, *a3++);
        }
        StoreSums<N>(part.Sums + (Tiling.Tokens * Rows), s0, s1, s2, s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreSums<N>(int* sums, RowPair<V, L> s0, RowPair<V, L> s1, RowPair<V, L> s2, RowPair<V, L> s3)
        where N : struct, ITokenCount
    {
        s0.Store(sums);
        if (N.Value > 1)
            s1.Store(sums + Rows);
        if (N.Value > 2)
            s2.Store(sums + (2 * Rows));
        if (N.Value > 3)
            s3.Store(sums + (3 * Rows));
    }

    // y = scale of the activations · (d·sum − m·minimums) + y
    private static void Finish(in TileChunk part, int tokens, int block, uint* headers)
    {
        RowPair<V, L> d = RowPair<V, L>.Load(headers), m = RowPair<V, L>.Load(headers + Rows);
        for (int t = 0; t < tokens; t++)
        {
            float* y = part.Y + (t * part.YStride);
            RowPair<V, L> sum = RowPair<V, L>.Load(part.Sums + (t * Rows));
            RowPair<V, L> minimum = HasPairs ? RowPair<V, L>.Load(part.Sums + ((Tiling.Tokens + t) * Rows)) : default;
            if (HasPairs && !T.HasMinimums)
                sum = sum.Subtract(minimum);
            RowPair<V, L> value = d.Multiply(sum.ToSingle());
            if (T.HasMinimums)
                value = m.MultiplySubtractFrom(minimum.ToSingle(), value);
            RowPair<V, L> scale = RowPair<V, L>.Broadcast(Q8SuperRow.Scales(part.X + (t * part.XStride), part.K)[block]);
            RowPair<V, L> before = default;
            if (block > 0)
                before = RowPair<V, L>.Load(y);
            value.MultiplyAdd(scale, before).Store(y);
        }
    }
}
