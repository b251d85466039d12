using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>
/// Rows of a run sorted by their expert, in scratch memory: the order, and the pieces of experts' rows that blocks of threads take.
/// </summary>
/// <param name="experts">Experts whose matrices are here.</param>
/// <param name="rows">Rows that there is room for.</param>
internal readonly struct GroupedRows(int experts, int rows)
{
    private const int Alignment = 64, PieceNumbers = 3;

    private static readonly KernelCode Count = new("group_rows.cu", "count_rows"), Place = new("group_rows.cu", "place_rows"), Clear = new("group_rows.cu", "clear_elsewhere");

    /// <summary>Bytes in all, a multiple of 64.</summary>
    public long Bytes => Align((OrderAt(experts) + rows) * sizeof(int));

    /// <summary>The most pieces that a number of rows can make.</summary>
    /// <param name="count">Rows of this run.</param>
    public int MostPieces(int count) => MostPieces(count, experts);

    /// <summary>The most pieces that a number of rows of some experts can make: each expert has one that is not full.</summary>
    public static int MostPieces(int count, int experts) => Math.Min(count, experts) + (count / GroupRowsGeometry.PieceRows);

    /// <summary>Begins to compile.</summary>
    public static void Prepare(KernelLibrary library) => library.Prepare(Count);

    /// <summary>The number of pieces.</summary>
    public static DevicePointer<int> PieceCount(nint memory) => new(memory);

    /// <summary>The number of rows that were given a place: those whose experts are here.</summary>
    public static DevicePointer<int> PlacedRows(nint memory) => At(memory, 1);

    /// <summary>The pieces.</summary>
    public DevicePointer<int> Pieces(nint memory) => At(memory, PiecesAt(experts));

    /// <summary>The row at each place.</summary>
    public DevicePointer<int> Order(nint memory) => At(memory, OrderAt(experts));

    /// <summary>Sorts, and clears the results of rows whose experts are elsewhere.</summary>
    /// <param name="stream">Where.</param>
    /// <param name="memory">The scratch memory's address.</param>
    /// <param name="ids">The expert of each row.</param>
    /// <param name="count">Rows of this run.</param>
    /// <param name="firstExpert">The expert that the first matrix belongs to.</param>
    /// <param name="result">The rows of the result.</param>
    /// <param name="width">Floats of a row.</param>
    public void Launch(CudaStream stream, nint memory, DevicePointer<int> ids, int count, int firstExpert, DevicePointer<float> result, int width)
    {
        GroupRowsGeometry geometry = new(ids, At(memory, Unit), Order(memory), Pieces(memory), PieceCount(memory), PlacedRows(memory), count, firstExpert, experts);
        stream.Launch(Count, geometry);
        stream.Launch(Place, geometry);
        stream.Launch(Clear, ClearElsewhereGeometry.For(ids, result, count, firstExpert, experts, width));
    }

    private const int Unit = Alignment / sizeof(int);

    private static DevicePointer<int> At(nint memory, long index) => new DevicePointer<int>(memory).Plus(index * sizeof(int));

    private static long Align(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private static long PiecesAt(int experts) => Unit + Align((long)experts * GroupRowsGeometry.Warps);

    private long OrderAt(int experts) => PiecesAt(experts) + Align((long)MostPieces(rows) * PieceNumbers);
}
