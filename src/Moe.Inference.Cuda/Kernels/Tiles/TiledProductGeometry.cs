using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Products of up to four matrices in blocks with many rows of activations rounded to 8 bits, in tiles.</summary>
/// <param name="Weights0">The first matrix.</param>
/// <param name="Weights1">The second matrix, if there is one.</param>
/// <param name="Weights2">The third matrix.</param>
/// <param name="Weights3">The fourth matrix.</param>
/// <param name="Result0">Receives <paramref name="Rows0"/> floats a token.</param>
/// <param name="Result1">Receives the second matrix's results.</param>
/// <param name="Result2">Receives the third matrix's.</param>
/// <param name="Result3">Receives the fourth matrix's.</param>
/// <param name="Bias">What is added to each row of the result, or null; only with one matrix.</param>
/// <param name="Codes">Activations, see <see cref="QuantizedRows"/>.</param>
/// <param name="Factors">Their scales.</param>
/// <param name="CodeSums">The sums of their codes.</param>
/// <param name="RowBytes">Bytes of a row of weights.</param>
/// <param name="Rows0">Rows of the first matrix.</param>
/// <param name="Rows1">Rows of the second matrix, 0 if there is none.</param>
/// <param name="Rows2">Rows of the third matrix.</param>
/// <param name="Rows3">Rows of the fourth matrix.</param>
/// <param name="First1">The second matrix's first tile.</param>
/// <param name="First2">The third matrix's first tile.</param>
/// <param name="First3">The fourth matrix's first tile.</param>
/// <param name="RowBlocks">Tiles side by side, of all matrices.</param>
/// <param name="TokenBlocks">Tiles below each other.</param>
/// <param name="Width">Weights of a row.</param>
/// <param name="Tokens">Rows of activations.</param>
/// <param name="RowsPerBlock">Rows of a tile.</param>
/// <param name="TokensPerBlock">Tokens of a tile.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Shared memory of a block.</param>
internal readonly record struct TiledProductGeometry(
    DevicePointer<byte> Weights0,
    DevicePointer<byte> Weights1,
    DevicePointer<byte> Weights2,
    DevicePointer<byte> Weights3,
    DevicePointer<float> Result0,
    DevicePointer<float> Result1,
    DevicePointer<float> Result2,
    DevicePointer<float> Result3,
    DevicePointer<float> Bias,
    DevicePointer<sbyte> Codes,
    DevicePointer<float> Factors,
    DevicePointer<float> CodeSums,
    long RowBytes,
    int Rows0,
    int Rows1,
    int Rows2,
    int Rows3,
    int First1,
    int First2,
    int First3,
    int RowBlocks,
    int TokenBlocks,
    int Width,
    int Tokens,
    int RowsPerBlock,
    int TokensPerBlock,
    int Threads,
    int SharedBytes) : IKernelGeometry
{
    /// <summary>The most matrices of a launch.</summary>
    public const int MostMatrices = 4;

    /// <inheritdoc/>
    public LaunchShape Shape => new(RowBlocks, TokenBlocks, 1, Threads, SharedBytes);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("rows of the first matrix", Rows0, First1, RowsPerBlock);
        Cover.Exactly("rows of the second matrix", Rows1, First2 - First1, RowsPerBlock);
        Cover.Exactly("rows of the third matrix", Rows2, First3 - First2, RowsPerBlock);
        Cover.Exactly("rows of the fourth matrix", Rows3, RowBlocks - First3, RowsPerBlock);
        Cover.Exactly("tokens", Tokens, TokenBlocks, TokensPerBlock);
        Cover.Require((Weights0.Address | Weights1.Address | Weights2.Address | Weights3.Address) % 16 == 0, "weights must begin at a multiple of 16 bytes");
    }
}
