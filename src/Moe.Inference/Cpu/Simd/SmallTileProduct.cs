using System.Runtime.CompilerServices;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Tiles of formats with blocks of 32 weights, by intrinsics. Arithmetic as in <see cref="SmallKernel{T, R}"/>, to the last bit.</summary>
internal sealed unsafe class SmallTileProduct<T, V, L>() : VectorTileProduct(2 * L.Count)
    where T : struct, ISmallBlock<T>
    where V : struct
    where L : struct, ITileLanes<V>
{
    private const int Steps = ISmallBlock<T>.Length / 4;

    // Fields, not properties: the compiler sees them as constants without having to inline anything.
    private static readonly int Rows = 2 * L.Count;
    private static readonly int ZeroPoint = SmallTileFormat<T, L>.ZeroPoint;
    private static readonly int SideUnits = SmallTileFormat<T, L>.SideUnits;
    private static readonly int SafeSteps = Tiling.SafeSteps(Steps, T.MaxCode, L.ShortSums);

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
        TilePart token1 = part.Skip(1, Rows), token2 = part.Skip(2, Rows), token3 = part.Skip(3, Rows);
        RowPair<V, L> t0 = default, t1 = default, t2 = default, t3 = default;
        if (!part.IsFirst)
        {
            t0 = RowPair<V, L>.Load(part.Y);
            if (N.Value > 1)
                t1 = RowPair<V, L>.Load(token1.Y);
            if (N.Value > 2)
                t2 = RowPair<V, L>.Load(token2.Y);
            if (N.Value > 3)
                t3 = RowPair<V, L>.Load(token3.Y);
        }
        uint* tile = part.Codes;
        uint* side = part.Side;
        int* a0 = (int*)part.X, a1 = (int*)token1.X, a2 = (int*)token2.X, a3 = (int*)token3.X;
        for (int block = 0; block < part.Blocks; block++, side += SideUnits * Rows)
        {
            RowPair<V, L> s0 = Start(part, block);
            RowPair<V, L> s1 = N.Value > 1 ? Start(token1, block) : default;
            RowPair<V, L> s2 = N.Value > 2 ? Start(token2, block) : default;
            RowPair<V, L> s3 = N.Value > 3 ? Start(token3, block) : default;
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
            t0 = Finish(side, part, block, s0, t0);
            if (N.Value > 1)
                t1 = Finish(side, token1, block, s1, t1);
            if (N.Value > 2)
                t2 = Finish(side, token2, block, s2, t2);
            if (N.Value > 3)
                t3 = Finish(side, token3, block, s3, t3);
        }
        t0.Store(part.Y);
        if (N.Value > 1)
            t1.Store(token1.Y);
        if (N.Value > 2)
            t2.Store(token2.Y);
        if (N.Value > 3)
            t3.Store(token3.Y);
    }

    // The sum starts at what the codes' zero point would add to it, negative.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static RowPair<V, L> Start(in TilePart token, int block) =>
        ZeroPoint == 0 ? default : RowPair<V, L>.Broadcast(-ZeroPoint * ((int*)token.Sums)[block]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static RowPair<V, L> Finish(uint* headers, in TilePart token, int block, RowPair<V, L> sum, RowPair<V, L> total)
    {
        float scale = token.Scales[block];
        RowPair<V, L> scales = RowPair<V, L>.Load(headers).Multiply(RowPair<V, L>.Broadcast(scale));
        total = sum.ToSingle().MultiplyAdd(scales, total);
        if (!T.HasMinimum)
            return total;
        return RowPair<V, L>.Load(headers + Rows).MultiplyAdd(RowPair<V, L>.Broadcast(scale * ((int*)token.Sums)[block]), total);
    }
}
