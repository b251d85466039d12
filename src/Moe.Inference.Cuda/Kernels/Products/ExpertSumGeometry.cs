using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Chosen experts' matrices with a row of activations each, and the weighted sum of each token's results.</summary>
/// <param name="X">The rows of activations, those of a token in the order of its ids.</param>
/// <param name="Ids">The chosen experts.</param>
/// <param name="Factors">What each expert's results are multiplied by.</param>
/// <param name="Weights">The experts' matrices.</param>
/// <param name="Y">Receives a row for each token.</param>
/// <param name="MatrixBytes">Bytes of a matrix.</param>
/// <param name="RowBytes">Bytes of a row of a matrix.</param>
/// <param name="Width">Weights of a row.</param>
/// <param name="Rows">Rows of a matrix.</param>
/// <param name="Experts">Matrices.</param>
/// <param name="FirstExpert">The expert that the first matrix belongs to.</param>
/// <param name="Tokens">Tokens.</param>
/// <param name="Used">Experts chosen for a token.</param>
/// <param name="PerBlock">Rows of a matrix that a block takes.</param>
/// <param name="Blocks">Blocks of a token.</param>
/// <param name="Warps">Warps of a block.</param>
/// <param name="Split">Warps that share a row; 0 unless products are of floats.</param>
/// <param name="SharedBytes">Shared memory of a block.</param>
internal readonly record struct ExpertSumGeometry(
    DevicePointer<float> X,
    DevicePointer<int> Ids,
    DevicePointer<float> Factors,
    DevicePointer<byte> Weights,
    DevicePointer<float> Y,
    long MatrixBytes,
    long RowBytes,
    int Width,
    int Rows,
    int Experts,
    int FirstExpert,
    int Tokens,
    int Used,
    int PerBlock,
    int Blocks,
    int Warps,
    int Split,
    int SharedBytes) : IKernelGeometry
{
    /// <summary>The most experts of a token: a lane finds each.</summary>
    public const int MostUsed = 32;

    /// <inheritdoc/>
    public LaunchShape Shape => new(Tokens, Blocks, 1, Warps * 32, SharedBytes);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("rows of a matrix", Rows, Blocks, PerBlock);
        Cover.Require(MatrixBytes == RowBytes * Rows, "a matrix must be its rows");
        Cover.Require(Used is >= 1 and <= MostUsed, $"a token has at the most {MostUsed} experts");
        Cover.Require(Warps is >= 1 and <= RowCut.MostWarps && (Split == 0 || PerBlock * Split == Warps), "each warp of a block takes its part of the rows");
    }
}
