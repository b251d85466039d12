using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Sorts rows, each a chosen expert of a token, by their expert; see <c>group_rows.cu</c>.</summary>
/// <param name="Ids">The expert of each row.</param>
/// <param name="Counts">Room for the rows of each expert and warp.</param>
/// <param name="Order">Receives the row at each place, the experts one after the other.</param>
/// <param name="Pieces">Receives the pieces: expert, first place, rows.</param>
/// <param name="PieceCount">Receives their number.</param>
/// <param name="PlacedRows">Receives the number of rows that have a place.</param>
/// <param name="Rows">Rows.</param>
/// <param name="FirstExpert">The expert that the first matrix belongs to.</param>
/// <param name="Experts">Matrices, a block of threads each.</param>
internal readonly record struct GroupRowsGeometry(
    DevicePointer<int> Ids,
    DevicePointer<int> Counts,
    DevicePointer<int> Order,
    DevicePointer<int> Pieces,
    DevicePointer<int> PieceCount,
    DevicePointer<int> PlacedRows,
    int Rows,
    int FirstExpert,
    int Experts) : IKernelGeometry
{
    /// <summary>Warps of a block, which share the rows.</summary>
    public const int Warps = 8;

    /// <summary>The most rows of a piece.</summary>
    public const int PieceRows = 64;

    /// <inheritdoc/>
    public LaunchShape Shape => new(Experts, 1, 1, 32 * Warps);

    /// <inheritdoc/>
    public void Check() => Cover.Require(Rows > 0, "there must be rows");
}

/// <summary>Zeroes for rows of experts that are elsewhere.</summary>
/// <param name="Ids">The expert of each row.</param>
/// <param name="Result">The rows.</param>
/// <param name="Rows">Rows.</param>
/// <param name="FirstExpert">The first expert here.</param>
/// <param name="Experts">Experts here.</param>
/// <param name="Width">Floats of a row.</param>
/// <param name="RowsPerBlock">Rows of a block, a warp each.</param>
/// <param name="Blocks">Blocks.</param>
internal readonly record struct ClearElsewhereGeometry(
    DevicePointer<int> Ids, DevicePointer<float> Result, int Rows, int FirstExpert, int Experts, int Width, int RowsPerBlock, int Blocks) : IKernelGeometry
{
    private const int Threads = 256;

    /// <summary>The cut of a number of rows.</summary>
    public static ClearElsewhereGeometry For(DevicePointer<int> ids, DevicePointer<float> result, int rows, int firstExpert, int experts, int width) =>
        new(ids, result, rows, firstExpert, experts, width, Threads / 32, Cover.Blocks(rows, Threads / 32));

    /// <inheritdoc/>
    public LaunchShape Shape => new(Blocks, 1, 1, Threads);

    /// <inheritdoc/>
    public void Check() => Cover.Exactly("rows", Rows, Blocks, RowsPerBlock);
}
