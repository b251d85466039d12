using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Up to four matrices of one format with a few rows of activations.</summary>
/// <param name="X">The rows of activations.</param>
/// <param name="Bias">Added to each row of results, or null; only with one matrix.</param>
/// <param name="Weights0">The first matrix.</param>
/// <param name="Weights1">The second matrix, if there is one.</param>
/// <param name="Weights2">The third matrix.</param>
/// <param name="Weights3">The fourth matrix.</param>
/// <param name="Y0">Receives the first matrix's results.</param>
/// <param name="Y1">Receives the second matrix's.</param>
/// <param name="Y2">Receives the third matrix's.</param>
/// <param name="Y3">Receives the fourth matrix's.</param>
/// <param name="Rows0">Rows of the first matrix.</param>
/// <param name="Rows1">Rows of the second matrix, 0 if there is none.</param>
/// <param name="Rows2">Rows of the third matrix.</param>
/// <param name="Rows3">Rows of the fourth matrix.</param>
/// <param name="First1">The second matrix's first block.</param>
/// <param name="First2">The third matrix's first block.</param>
/// <param name="First3">The fourth matrix's first block.</param>
/// <param name="Blocks">Blocks of all matrices.</param>
/// <param name="RowBytes">Bytes of a row of a matrix.</param>
/// <param name="Width">Weights of a row.</param>
/// <param name="PerBlock">Rows that a block takes.</param>
/// <param name="Warps">Warps of a block.</param>
/// <param name="Split">Warps that share a row; 0 unless products are of floats.</param>
/// <param name="Groups">Groups of as many rows of activations, one after the other; the kernel says how many they are.</param>
/// <param name="SharedBytes">Shared memory of a block.</param>
internal readonly record struct MatVecGeometry(
    DevicePointer<float> X,
    DevicePointer<float> Bias,
    DevicePointer<byte> Weights0,
    DevicePointer<byte> Weights1,
    DevicePointer<byte> Weights2,
    DevicePointer<byte> Weights3,
    DevicePointer<float> Y0,
    DevicePointer<float> Y1,
    DevicePointer<float> Y2,
    DevicePointer<float> Y3,
    int Rows0,
    int Rows1,
    int Rows2,
    int Rows3,
    int First1,
    int First2,
    int First3,
    int Blocks,
    long RowBytes,
    int Width,
    int PerBlock,
    int Warps,
    int Split,
    int Groups,
    int SharedBytes) : IKernelGeometry
{
    /// <summary>The most matrices of a launch.</summary>
    public const int MostMatrices = 4;

    /// <inheritdoc/>
    public LaunchShape Shape => new(Blocks, Groups, 1, Warps * 32, SharedBytes);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("rows of the first matrix", Rows0, First1, PerBlock);
        Cover.Exactly("rows of the second matrix", Rows1, First2 - First1, PerBlock);
        Cover.Exactly("rows of the third matrix", Rows2, First3 - First2, PerBlock);
        Cover.Exactly("rows of the fourth matrix", Rows3, Blocks - First3, PerBlock);
        Cover.Require(Groups > 0, "there must be rows of activations");
        Cover.Require(Warps is >= 1 and <= RowCut.MostWarps && (Split == 0 || PerBlock * Split == Warps), "each warp of a block takes its part of the rows");
    }
}
