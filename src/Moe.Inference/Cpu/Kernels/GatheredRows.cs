using System.Runtime.InteropServices;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Encoded activations copied into the order of <see cref="ExpertGroups"/>, so that each expert's rows are contiguous.</summary>
/// <param name="source">The encoded rows: one per token, or one per chosen expert.</param>
/// <param name="rowsPerSource">How many sorted rows share a source row: used, or 1.</param>
/// <param name="scratch">Where the copies go.</param>
internal readonly unsafe struct GatheredRows(EncodedRows source, int rowsPerSource, byte* scratch)
{
    private const int RowsPerItem = 8;

    /// <summary>Bytes from row to row.</summary>
    public long Stride => source.Stride;

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
            int row = groups.Rows[place];
            if (place >= groups.HereCount)
                result.Row(row).Clear();
            else
                NativeMemory.Copy(source.Address + (row / rowsPerSource * Stride), At(place), (nuint)Stride);
        }
    }
}
