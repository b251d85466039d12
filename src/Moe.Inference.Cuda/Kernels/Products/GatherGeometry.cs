using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Rows picked by number.</summary>
/// <param name="Table">The table.</param>
/// <param name="Ids">The wanted rows.</param>
/// <param name="Y">Receives the rows as floats.</param>
/// <param name="RowBytes">Bytes of a row of the table.</param>
/// <param name="Width">Elements of a row.</param>
/// <param name="TableRows">Rows of the table.</param>
/// <param name="Rows">Wanted rows.</param>
internal readonly record struct GatherGeometry(
    DevicePointer<byte> Table, DevicePointer<int> Ids, DevicePointer<float> Y, long RowBytes, int Width, int TableRows, int Rows) : IKernelGeometry
{
    private const int Threads = 128, ElementsPerBlock = 1024;

    /// <inheritdoc/>
    public LaunchShape Shape => new(Rows, Cover.Blocks(Width, ElementsPerBlock), 1, Threads);

    /// <inheritdoc/>
    public void Check() => Cover.Require(TableRows > 0, "the table has no rows");
}
