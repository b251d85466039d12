using System.Runtime.InteropServices;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Activations copied, in the form a product kernel wants, into the order of <see cref="ExpertGroups"/>, so that each expert's rows are contiguous.</summary>
/// <param name="product">The product kernel.</param>
/// <param name="source">The rows: one per token, or one per chosen expert.</param>
/// <param name="rowsPerSource">How many sorted rows share a source row: used, or 1.</param>
/// <param name="scratch">Where the copies go.</param>
internal readonly unsafe struct GatheredRows(WeightKernel product, TensorView source, int rowsPerSource, byte* scratch)
{
    private const int RowsPerItem = 8;

    /// <summary>Bytes from row to row.</summary>
    public long Stride => RowBytes(product, source.Width);

    /// <summary>Scratch bytes for a number of sorted rows.</summary>
    public static long Bytes(WeightKernel product, int width, int rows) => RowBytes(product, width) * rows;

    /// <summary>The row at a place.</summary>
    public byte* At(int place) => scratch + (place * Stride);

    /// <summary>Items of the phase that copies.</summary>
    public static int Items(int rows) => new Blocks(rows, RowsPerItem).Count;

    /// <summary>Copies one item's rows; for experts that are elsewhere, clears the row of the result instead.</summary>
    public void Run(int item, int rows, in ExpertGroups groups, TensorView result)
    {
        Blocks blocks = new(rows, RowsPerItem);
        for (int place = blocks.Start(item), end = place + blocks.Size(item); place < end; place++)
        {
            if (place >= groups.HereCount)
            {
                result.Row(groups.Rows[place]).Clear();
                continue;
            }

            float* row = (float*)source.Address + ((long)(groups.Rows[place] / rowsPerSource) * source.Width);
            if (product.Activations == ActivationFormat.F32)
                NativeMemory.Copy(row, At(place), (nuint)Stride);
            else
                product.QuantizeActivations(row, At(place), source.Width);
        }
    }

    private static long RowBytes(WeightKernel product, int width) =>
        product.Activations == ActivationFormat.F32 ? (long)width * sizeof(float) : product.ActivationRowBytes(width);
}
