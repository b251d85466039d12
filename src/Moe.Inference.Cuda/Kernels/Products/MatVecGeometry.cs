using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>One matrix with a few rows of activations.</summary>
/// <param name="X">The rows of activations.</param>
/// <param name="Weights">The matrix.</param>
/// <param name="Bias">Added to each row of results, or null.</param>
/// <param name="Y">Receives the results.</param>
/// <param name="RowBytes">Bytes of a row of the matrix.</param>
/// <param name="Width">Weights of a row.</param>
/// <param name="Rows">Rows of the matrix.</param>
/// <param name="PerBlock">Rows of the matrix that a block takes.</param>
/// <param name="Blocks">Blocks.</param>
/// <param name="Warps">Warps of a block.</param>
/// <param name="Split">Warps that share a row; only in products of floats.</param>
/// <param name="SharedBytes">Shared memory of a block.</param>
internal readonly record struct MatVecGeometry(
    DevicePointer<float> X,
    DevicePointer<byte> Weights,
    DevicePointer<float> Bias,
    DevicePointer<float> Y,
    long RowBytes,
    int Width,
    int Rows,
    int PerBlock,
    int Blocks,
    int Warps,
    int Split,
    int SharedBytes) : IKernelGeometry
{
    /// <inheritdoc/>
    public LaunchShape Shape => new(Blocks, 1, 1, Warps * 32, SharedBytes);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("rows of the matrix", Rows, Blocks, PerBlock);
        Cover.Require(Warps is >= 1 and <= RowCut.MostWarps && (Split == 0 || PerBlock * Split == Warps), "each warp of a block takes its part of the rows");
    }
}
