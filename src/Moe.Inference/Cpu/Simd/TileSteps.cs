using System.Runtime.CompilerServices;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// The innermost part of the tiles: a few steps, each four codes of every row against four activations of up to four tokens. Written out,
/// since a loop makes the compiler move its sums about.
/// </summary>
/// <typeparam name="V">The vector.</typeparam>
/// <typeparam name="L">Its arithmetic.</typeparam>
/// <typeparam name="N">The tokens.</typeparam>
internal static unsafe class TileSteps<V, L, N>
    where V : struct
    where L : struct, ITileLanes<V>
    where N : struct, ITokenCount
{
    /// <summary>Adds 1, 2, 4 or 8 steps to the sums of the tokens.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(
        uint* tile, int steps, int* a0, int* a1, int* a2, int* a3,
        ref RowPair<V, L> p0, ref RowPair<V, L> p1, ref RowPair<V, L> p2, ref RowPair<V, L> p3)
    {
        Step(tile, 0, a0, a1, a2, a3, ref p0, ref p1, ref p2, ref p3);
        if (steps > 1)
            Step(tile, 1, a0, a1, a2, a3, ref p0, ref p1, ref p2, ref p3);
        if (steps > 2)
        {
            Step(tile, 2, a0, a1, a2, a3, ref p0, ref p1, ref p2, ref p3);
            Step(tile, 3, a0, a1, a2, a3, ref p0, ref p1, ref p2, ref p3);
        }
        if (steps > 4)
        {
            Step(tile, 4, a0, a1, a2, a3, ref p0, ref p1, ref p2, ref p3);
            Step(tile, 5, a0, a1, a2, a3, ref p0, ref p1, ref p2, ref p3);
            Step(tile, 6, a0, a1, a2, a3, ref p0, ref p1, ref p2, ref p3);
            Step(tile, 7, a0, a1, a2, a3, ref p0, ref p1, ref p2, ref p3);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(
        uint* tile, int index, int* a0, int* a1, int* a2, int* a3,
        ref RowPair<V, L> p0, ref RowPair<V, L> p1, ref RowPair<V, L> p2, ref RowPair<V, L> p3)
    {
        RowPair<V, L> codes = RowPair<V, L>.Load(tile + (index * 2 * L.Count));
        p0 = p0.AddProducts(codes, a0[index]);
        if (N.Value > 1)
            p1 = p1.AddProducts(codes, a1[index]);
        if (N.Value > 2)
            p2 = p2.AddProducts(codes, a2[index]);
        if (N.Value > 3)
            p3 = p3.AddProducts(codes, a3[index]);
    }
}
