using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>
/// Products of sorted rows with their experts' matrices, a tile of the matrix times a piece of an expert's rows for each block. One of
/// <paramref name="Codes"/> (with what belongs to it) and <paramref name="X"/> is given.
/// </summary>
/// <param name="Weights">The matrices.</param>
/// <param name="SecondWeights">Those of up, where the product is gated.</param>
/// <param name="Codes">Activations rounded to 8 bits, see <see cref="QuantizedRows"/>.</param>
/// <param name="Factors">Their scales.</param>
/// <param name="CodeSums">The sums of their codes.</param>
/// <param name="X">Activations in floats.</param>
/// <param name="Pieces">See <see cref="GroupRowsGeometry"/>.</param>
/// <param name="PieceCount">See there.</param>
/// <param name="Order">See there.</param>
/// <param name="Sources">The order, where activations are those of rows or tokens; null where they are in that order themselves.</param>
/// <param name="Result">Receives <paramref name="Rows"/> floats for each row; by place in the order, where the product is gated.</param>
/// <param name="RowBytes">Bytes of a row of weights.</param>
/// <param name="SliceBytes">Bytes of a matrix.</param>
/// <param name="Experts">Matrices.</param>
/// <param name="Rows">Rows of a matrix.</param>
/// <param name="Width">Weights of a row.</param>
/// <param name="PerSource">Rows that share a row of activations.</param>
/// <param name="RowsPerBlock">Rows of a matrix in a tile.</param>
/// <param name="RowBlocks">Tiles of a matrix.</param>
/// <param name="Sorted">Rows that are sorted.</param>
/// <param name="PieceBlocks">As many as they can make pieces.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="PieceParts">Blocks that share a piece.</param>
/// <param name="SharedBytes">Shared memory of a block.</param>
internal readonly record struct GroupedProductGeometry(
    DevicePointer<byte> Weights,
    DevicePointer<byte> SecondWeights,
    DevicePointer<sbyte> Codes,
    DevicePointer<float> Factors,
    DevicePointer<float> CodeSums,
    DevicePointer<float> X,
    DevicePointer<int> Pieces,
    DevicePointer<int> PieceCount,
    DevicePointer<int> Order,
    DevicePointer<int> Sources,
    DevicePointer<float> Result,
    long RowBytes,
    long SliceBytes,
    int Experts,
    int Rows,
    int Width,
    int PerSource,
    int RowsPerBlock,
    int RowBlocks,
    int Sorted,
    int PieceBlocks,
    int Threads,
    int PieceParts,
    int SharedBytes) : IKernelGeometry
{
    /// <inheritdoc/>
    public LaunchShape Shape => new(RowBlocks, PieceBlocks, PieceParts, Threads, SharedBytes);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("rows", Rows, RowBlocks, RowsPerBlock);
        Cover.Require(SliceBytes == Rows * RowBytes, $"a matrix of {Rows} rows of {RowBytes} bytes does not have {SliceBytes} bytes");
        Cover.Require(PieceBlocks == GroupedRows.MostPieces(Sorted, Experts), $"{Sorted} rows of {Experts} experts can make {GroupedRows.MostPieces(Sorted, Experts)} pieces, not {PieceBlocks}");
        Cover.Require(PieceParts > 0 && GroupRowsGeometry.PieceRows % PieceParts == 0, $"{PieceParts} blocks cannot share a piece evenly");
        Cover.Require(Weights.Address % 16 == 0 && SecondWeights.Address % 16 == 0, "weights must begin at a multiple of 16 bytes");
    }
}
