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

    private const int FewWarps = 4, BlocksPerMultiprocessor = 2, LeastFloatsOfWarp = 512;

    /// <summary>Warps that stream groups of rows one after the other: as many as stay on the device at once, each with the same number of groups.</summary>
    /// <param name="rows">Rows of a matrix.</param>
    /// <param name="group">Rows that a warp reads together.</param>
    /// <param name="matrices">Matrices of the launch.</param>
    /// <param name="figures">The device.</param>
    public static RowCut Streaming(int rows, int group, int matrices, DeviceFigures figures)
    {
        int groups = Cover.Blocks(rows, group);
        // Small matrices are spread over more blocks, so that every multiprocessor has some.
        int warps = (long)groups * matrices >= (long)figures.Multiprocessors * MostWarps * BlocksPerMultiprocessor ? MostWarps : FewWarps;
        int atOnce = Math.Max(1, figures.Multiprocessors * BlocksPerMultiprocessor * MostWarps / matrices);
        int perBlock = Cover.Blocks(groups, atOnce) * warps * group;
        return new RowCut(perBlock, Cover.Blocks(rows, perBlock), warps);
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
