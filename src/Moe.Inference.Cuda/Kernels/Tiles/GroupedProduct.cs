using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Products of sorted rows with their experts' matrices: what a kernel of experts keeps of one weight, or of gate and up.</summary>
/// <param name="weight">The matrices; of gate, where the product is gated.</param>
/// <param name="exact">Whether activations may not be rounded.</param>
/// <param name="gated">Whether the result is that of gate and up with the activation.</param>
/// <param name="groups">How rows are sorted.</param>
/// <param name="sources">Rows of activations that there is room for.</param>
internal sealed class GroupedProduct(Weight weight, bool exact, bool gated, GroupedRows groups, int sources)
{
    // Of Hopper; what others need is compiled when it is needed.
    private const int UsualSharedBytes = 227 << 10;

    private readonly WeightFormat _format = WeightFormat.Of(weight);
    private readonly bool _rounds = WeightFormat.Of(weight).Rounds(exact, weight.Width);

    private QuantizedRows Quantized => new(_format, weight.Width, sources);

    /// <summary>Scratch memory for activations rounded to 8 bits.</summary>
    public long Bytes => _rounds ? Quantized.Bytes : 0;

    /// <summary>Begins to compile.</summary>
    public void Prepare(KernelLibrary library)
    {
        library.Prepare(CodeFor(UsualSharedBytes));
        if (_rounds)
            library.Prepare(Quantized.Code);
    }

    /// <summary>Multiplies.</summary>
    /// <param name="stream">Where.</param>
    /// <param name="matrices">The matrices, and those of up.</param>
    /// <param name="x">Activations.</param>
    /// <param name="count">Rows of activations in this run.</param>
    /// <param name="memory">As many bytes as asked for.</param>
    /// <param name="grouped">The memory of the sorted rows.</param>
    /// <param name="rows">Sorted rows of this run.</param>
    /// <param name="perSource">Rows that share a row of activations; 0 where activations are in the order of the sorted rows.</param>
    /// <param name="result">Receives the rows; in their order, where gated.</param>
    public void Launch(
        CudaStream stream, (TensorView First, TensorView? Second) matrices, DevicePointer<float> x, int count, nint memory, nint grouped, int rows, int perSource, DevicePointer<float> result)
    {
        if (_rounds)
            Quantized.Launch(stream, x, memory, count, perSource == 0 ? GroupedRows.PlacedRows(grouped) : default);
        ProductTile tile = _rounds ? TileFor(stream.Figures.SharedBytes) : default;
        int perBlock = (_rounds ? tile.Rows : SplitTile.Rows) / (gated ? 2 : 1);
        stream.Launch(CodeFor(stream.Figures.SharedBytes), new GroupedProductGeometry(
            DevicePointer<byte>.Of(matrices.First),
            matrices.Second is { } second ? DevicePointer<byte>.Of(second) : default,
            new(memory),
            _rounds ? new(memory + (nint)Quantized.ScalesAt) : default,
            _rounds ? new(memory + (nint)Quantized.SumsAt) : default,
            x,
            groups.Pieces(grouped),
            GroupedRows.PieceCount(grouped),
            groups.Order(grouped),
            perSource == 0 ? default : groups.Order(grouped),
            result,
            weight.RowBytes,
            weight.SliceBytes,
            weight.Slices,
            weight.RowsPerSlice,
            weight.Width,
            perSource,
            perBlock,
            Cover.Blocks(weight.RowsPerSlice, perBlock),
            rows,
            groups.MostPieces(rows),
            _rounds ? tile.Threads : SplitTile.Threads,
            _rounds ? 1 : GroupRowsGeometry.PieceRows / SplitTile.Tokens,
            _rounds ? tile.SharedBytes(_format) : SplitTile.SharedBytes(_format)));
    }

    private ProductTile TileFor(int sharedBytes) => ProductTiles.For(_format, sharedBytes).Large;

    private KernelCode CodeFor(int sharedBytes)
    {
        string entry = gated ? "gate_and_up" : "multiply";
        return _rounds
            ? new KernelCode("grouped_product.cu", entry, $"{_format.Define} ROW_WARPS={TileFor(sharedBytes).RowWarps}")
            : new KernelCode("split_grouped.cu", entry, _format.Define);
    }
}
