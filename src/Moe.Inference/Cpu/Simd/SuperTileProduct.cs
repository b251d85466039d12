using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Tiles of formats with blocks of 256 weights, by intrinsics. Arithmetic as in <see cref="SuperKernel{T, R}"/>, to the last bit.</summary>
internal sealed unsafe class SuperTileProduct<T, V, L>() : VectorTileProduct(2 * L.Count)
    where T : struct, ISuperBlock<T>
    where V : struct
    where L : struct, ITileLanes<V>
{
    // Fields, not properties: the compiler sees them as constants without having to inline anything.
    private static readonly int Rows = 2 * L.Count;
    private static readonly int Groups = SuperTileFormat<T, L>.Groups;
    private static readonly int Pairs = SuperTileFormat<T, L>.Pairs;
    private static readonly int GroupSteps = T.GroupLength / 4;
    private static readonly int SafeSteps = Tiling.SafeSteps(GroupSteps, T.MaxCode, L.ShortSums);

    protected override void MultiplyFew(in TilePart part, int tokens)
    {
        switch (tokens)
        {
            case 1:
                Multiply<One>(part);
                break;
            case 2:
                Multiply<Two>(part);
                break;
            case 3:
                Multiply<Three>(part);
                break;
            default:
                Multiply<Four>(part);
                break;
        }
    }

    private static void Multiply<N>(in TilePart part)
        where N : struct, ITokenCount
    {
        uint* side = part.Side;
        for (int block = 0; block < part.Blocks; block++, side += (Groups + Pairs + 2) * Rows)
        {
            AddCodes<N>(part, block, side);
            if (Pairs > 0)
                AddMinimums<N>(part, block, side + (Groups * Rows));
            Finish(part, N.Value, block, side + ((Groups + Pairs) * Rows));
        }
    }

    // Σ scale·code·activation of a block, to the first half of the sums.
    private static void AddCodes<N>(in TilePart part, int block, uint* scales)
        where N : struct, ITokenCount
    {
        uint* tile = part.Codes + ((long)block * Rows * ISuperBlock<T>.Length / 4);
        int* a0 = (int*)(part.X + ((long)block * ISuperBlock<T>.Length));
        int* a1 = (int*)((byte*)a0 + (N.Value > 1 ? part.XStride : 0));
        int* a2 = (int*)((byte*)a1 + (N.Value > 2 ? part.XStride : 0));
        int* a3 = (int*)((byte*)a2 + (N.Value > 3 ? part.XStride : 0));
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
        StoreSums<N>((int*)part.Work, s0, s1, s2, s3);
    }

    // Σ minimum·(sum of a group's activations) of a block, to the second half of the sums.
    private static void AddMinimums<N>(in TilePart part, int block, uint* minimums)
        where N : struct, ITokenCount
    {
        // Of groups of 32, the sums of both halves are added: at the most 32·127 in absolute value.
        short* added = (short*)((float*)part.Work + (2 * Tiling.Tokens * Rows));
        byte* x = part.Sums + ((long)block * 16 * sizeof(short));
        for (int t = 0; t < N.Value; t++, x += part.XStride)
        {
            short* sums = (short*)x;
            if (T.GroupLength == 32)
                (Vector128.Load(sums) + Vector128.Load(sums + 8)).Store(added + (t * 16));
            else
                Vector256.Load(sums).Store(added + (t * 16));
        }
        int* pairs = (int*)added;
        RowPair<V, L> s0 = default, s1 = default, s2 = default, s3 = default;
        for (int pair = 0; pair < Pairs; pair++, minimums += Rows, pairs++)
        {
            RowPair<V, L> shorts = RowPair<V, L>.Load(minimums);
            s0 = s0.AddPairs(shorts, pairs[0]);
            if (N.Value > 1)
                s1 = s1.AddPairs(shorts, pairs[8]);
            if (N.Value > 2)
                s2 = s2.AddPairs(shorts, pairs[16]);
            if (N.Value > 3)
                s3 = s3.AddPairs(shorts, pairs[24]);
        }
        StoreSums<N>((int*)part.Work + (Tiling.Tokens * Rows), s0, s1, s2, s3);
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
    private static void Finish(in TilePart part, int tokens, int block, uint* headers)
    {
        int* sums = (int*)part.Work;
        float* y = part.Y, scales = part.Scales + block;
        bool isFirst = part.IsFirst && block == 0;
        RowPair<V, L> d = RowPair<V, L>.Load(headers), m = RowPair<V, L>.Load(headers + Rows);
        for (int t = 0; t < tokens; t++, sums += Rows)
        {
            RowPair<V, L> sum = RowPair<V, L>.Load(sums);
            RowPair<V, L> minimum = Pairs > 0 ? RowPair<V, L>.Load(sums + (Tiling.Tokens * Rows)) : default;
            if (Pairs > 0 && !T.HasMinimums)
                sum = sum.Subtract(minimum);
            RowPair<V, L> value = d.Multiply(sum.ToSingle());
            if (T.HasMinimums)
                value = m.MultiplySubtractFrom(minimum.ToSingle(), value);
            RowPair<V, L> before = default;
            if (!isFirst)
                before = RowPair<V, L>.Load(y);
            value.MultiplyAdd(RowPair<V, L>.Broadcast(*scales), before).Store(y);
            y += Rows;
            scales = (float*)((byte*)scales + part.XStride);
        }
    }
}
