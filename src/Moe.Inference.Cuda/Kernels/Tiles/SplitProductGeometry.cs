using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Products of a matrix with many rows of activations in float32, in tiles; see <c>split_product.cuh</c>.</summary>
/// <param name="Weights">The matrix.</param>
/// <param name="X">Activations, <paramref name="Width"/> floats a token.</param>
/// <param name="Bias">What is added to each row of the result, or null.</param>
/// <param name="Result">Receives <paramref name="Rows"/> floats a token.</param>
/// <param name="RowBytes">Bytes of a row of weights.</param>
/// <param name="Rows">Rows of the matrix.</param>
/// <param name="Width">Weights of a row.</param>
/// <param name="Tokens">Rows of activations.</param>
/// <param name="RowsPerBlock">Rows of a tile.</param>
/// <param name="TokensPerBlock">Tokens of a tile.</param>
/// <param name="RowBlocks">Tiles side by side.</param>
/// <param name="TokenBlocks">Tiles below each other.</param>
/// <param name="SharedBytes">Shared memory of a block.</param>
internal readonly record struct SplitProductGeometry(
    DevicePointer<byte> Weights,
    DevicePointer<float> X,
    DevicePointer<float> Bias,
    DevicePointer<float> Result,
    long RowBytes,
    int Rows,
    int Width,
    int Tokens,
    int RowsPerBlock,
    int TokensPerBlock,
    int RowBlocks,
    int TokenBlocks,
    int SharedBytes) : IKernelGeometry
{
    /// <inheritdoc/>
    public LaunchShape Shape => new(RowBlocks, TokenBlocks, 1, SplitTile.Threads, SharedBytes);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("rows", Rows, RowBlocks, RowsPerBlock);
        Cover.Exactly("tokens", Tokens, TokenBlocks, TokensPerBlock);
    }
}
