using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Chosen experts' matrices, each with the rows of activations of those that chose it.</summary>
/// <param name="X">The rows of activations.</param>
/// <param name="Ids">The expert of each entry.</param>
/// <param name="Weights">The experts' matrices.</param>
/// <param name="Up">The experts' second matrices, or null.</param>
/// <param name="Y">Receives a row of results for each entry.</param>
/// <param name="MatrixBytes">Bytes of a matrix.</param>
/// <param name="RowBytes">Bytes of a row of a matrix.</param>
/// <param name="Width">Weights of a row.</param>
/// <param name="Rows">Rows of a matrix.</param>
/// <param name="Experts">Matrices.</param>
/// <param name="FirstExpert">The expert that the first matrix belongs to.</param>
/// <param name="Entries">Entries.</param>
/// <param name="PerSource">Entries that share a row of activations.</param>
/// <param name="Together">The most entries of an expert that a block takes together; 1 where products are of floats.</param>
/// <param name="IdsAreOld">1 if ids were there before the kernel before this one began to write, and that one says when it did; else 0.</param>
/// <param name="PerBlock">Rows of a matrix that a block takes.</param>
/// <param name="Blocks">Blocks of an entry.</param>
/// <param name="Warps">Warps of a block.</param>
/// <param name="Split">Warps that share a row; 0 unless products are of floats.</param>
/// <param name="SharedBytes">Shared memory of a block.</param>
internal readonly record struct ExpertRowsGeometry(
    DevicePointer<float> X,
    DevicePointer<int> Ids,
    DevicePointer<byte> Weights,
    DevicePointer<byte> Up,
    DevicePointer<float> Y,
    long MatrixBytes,
    long RowBytes,
    int Width,
    int Rows,
    int Experts,
    int FirstExpert,
    int Entries,
    int PerSource,
    int Together,
    int IdsAreOld,
    int PerBlock,
    int Blocks,
    int Warps,
    int Split,
    int SharedBytes) : IKernelGeometry
{
    /// <summary>The most that <see cref="Together"/> may be.</summary>
    public const int MostTogether = 4;

    /// <inheritdoc/>
    public LaunchShape Shape => new(Entries, Blocks, 1, Warps * 32, SharedBytes);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("rows of a matrix", Rows, Blocks, PerBlock);
        Cover.Require(MatrixBytes == RowBytes * Rows, "a matrix must be its rows");
        Cover.Require(Together is >= 1 and <= MostTogether && (Split == 0 || Together == 1), "a block takes its entry, or a few of rounded activations");
        Cover.Require(Warps is >= 1 and <= RowCut.MostWarps && (Split == 0 || PerBlock * Split == Warps), "each warp of a block takes its part of the rows");
    }
}
