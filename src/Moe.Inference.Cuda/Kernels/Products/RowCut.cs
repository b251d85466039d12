using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>How rows of matrices are dealt out to the warps of a device.</summary>
/// <param name="PerBlock">Rows that a block takes.</param>
/// <param name="Blocks">Blocks of a matrix.</param>
/// <param name="Warps">Warps of a block.</param>
internal readonly record struct RowCut(int PerBlock, int Blocks, int Warps)
{
    /// <summary>The most warps of a block.</summary>
    public const int MostWarps = 8;

    private const int LeastFloatsOfWarp = 512;

    /// <summary>Warps that stream items of a few rows one after the other: as many as work at once, each with about the same number of items.</summary>
    /// <param name="rows">Rows of a matrix.</param>
    /// <param name="perItem">Rows of an item.</param>
    /// <param name="matrices">Matrices of the launch.</param>
    /// <param name="blocksAtOnce">Blocks that a multiprocessor works on at once.</param>
    /// <param name="figures">The device.</param>
    public static RowCut Streaming(int rows, int perItem, int matrices, int blocksAtOnce, DeviceFigures figures)
    {
        int items = Cover.Blocks(rows, perItem);
        int warpsAtOnce = Math.Max(1, figures.Multiprocessors * blocksAtOnce * MostWarps / matrices);
        int perBlock = Cover.Blocks(items, warpsAtOnce) * MostWarps * perItem;
        return new RowCut(perBlock, Cover.Blocks(rows, perBlock), MostWarps);
    }

    /// <summary>Warps that take a row or, where there are few rows, a part of one. The cut depends on no device, so neither does the order of sums.</summary>
    /// <param name="rows">Rows of a matrix.</param>
    /// <param name="width">Weights of a row.</param>
    /// <param name="split">Receives the warps that share a row.</param>
    public static RowCut Splitting(int rows, int width, out int split)
    {
        const int EnoughWarps = 1024;
        split = 1;
        while (split < MostWarps && rows * split < EnoughWarps && width >= 2 * split * LeastFloatsOfWarp)
            split *= 2;
        int perBlock = MostWarps / split;
        return new RowCut(perBlock, Cover.Blocks(rows, perBlock), MostWarps);
    }
}
