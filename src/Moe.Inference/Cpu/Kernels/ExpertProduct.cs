using Moe.Inference.Cpu.Simd;
using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>The matrices of all experts with their product kernel, cut into blocks of rows.</summary>
internal readonly unsafe struct ExpertProduct(WeightKernel kernel, Weight weight, TensorView view, int threads)
{
    private const int LargestBlock = 128;

    /// <summary>The product kernel.</summary>
    public WeightKernel Kernel => kernel;

    /// <summary>Blocks of one expert's rows.</summary>
    public Blocks Blocks { get; } = Cut(weight, threads);

    /// <summary>The cut of one expert's rows: small enough to spread few experts over all threads, and to keep a tile of results in cache.</summary>
    public static Blocks Cut(Weight weight, int threads)
    {
        Blocks fair = Blocks.ForRows(weight.RowsPerSlice, weight.RowBytes, threads);
        return fair with { BlockLength = Math.Min(fair.BlockLength, LargestBlock) };
    }

    /// <summary>Products of a block of an expert's rows with contiguous activations.</summary>
    public void Multiply(int expert, int block, byte* x, long xStride, int rows, float* y, long yStride)
    {
        kernel.Dot(At(expert, block), weight.RowBytes, Blocks.Size(block), x, xStride, rows, weight.Width, y, yStride);
    }

    /// <summary>The same, with results scattered to rows of the batch; a tile may take them first.</summary>
    public void MultiplyScattered(int expert, int block, byte* x, long xStride, in ExpertGroups groups, float* tile, TensorView output)
    {
        (int start, int size) = (Blocks.Start(block), Blocks.Size(block));
        (int first, int rows) = (groups.Start(expert), groups.Count(expert));
        if (rows == 1)
        {
            Multiply(expert, block, x, xStride, 1, (float*)output.Address + ((long)groups.Rows[first] * output.Width) + start, output.Width);
            return;
        }

        kernel.DotScattered(
            At(expert, block), weight.RowBytes, size, x, xStride, rows, weight.Width, (float*)output.Address + start, output.Width, groups.Rows + first, tile);
    }

    private byte* At(int expert, int block) => (byte*)view.Address + (expert * weight.SliceBytes) + (Blocks.Start(block) * weight.RowBytes);
}
