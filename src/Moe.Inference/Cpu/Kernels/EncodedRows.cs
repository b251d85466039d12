using Moe.Inference.Cpu.Simd;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Activations in the form a product kernel wants: the rows themselves where it takes floats, else an encoded copy in scratch memory.</summary>
internal readonly unsafe struct EncodedRows(WeightKernel product, TensorView source, byte* scratch)
{
    private const int RowsPerItem = 4;
    private readonly bool _direct = product.Activations == ActivationFormat.F32;

    /// <summary>The first row.</summary>
    public byte* Address => _direct ? (byte*)source.Address : scratch;

    /// <summary>Bytes from row to row.</summary>
    public long Stride => _direct ? source.RowBytes : product.ActivationRowBytes(source.Width);

    /// <summary>Bytes from row to row for rows of a width.</summary>
    public static long RowBytes(WeightKernel product, int width) =>
        product.Activations == ActivationFormat.F32 ? (long)width * sizeof(float) : product.ActivationRowBytes(width);

    /// <summary>Scratch bytes for a number of rows.</summary>
    public static long Bytes(WeightKernel product, int width, int rows) =>
        product.Activations == ActivationFormat.F32 ? 0 : product.ActivationRowBytes(width) * rows;

    /// <summary>Items of the phase that encodes; none where nothing is to be done.</summary>
    public int Items(int rows) => _direct ? 0 : new Blocks(rows, RowsPerItem).Count;

    /// <summary>Encodes one item's rows.</summary>
    public void Run(int item, int rows)
    {
        Blocks blocks = new(rows, RowsPerItem);
        for (int row = blocks.Start(item), end = row + blocks.Size(item); row < end; row++)
            product.QuantizeActivations((float*)source.Address + ((long)row * source.Width), scratch + (row * Stride), source.Width);
    }
}
