using Moe.Inference.Cpu.Simd;
using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>The matrices of all experts with their product kernel, cut into blocks of rows.</summary>
internal readonly unsafe struct ExpertProduct(WeightKernel kernel, Weight weight, TensorView view, int threads)
{
    // Blocks are whole tiles of the widest kernels.
    private const int LargestBlock = 128, TileRows = 32;

    private readonly PackedWeights? _packed = PackedWeights.Of(view, kernel);

    /// <summary>The product kernel.</summary>
    public WeightKernel Kernel => kernel;

    /// <summary>Blocks of one expert's rows.</summary>
    public Blocks Blocks { get; } = Cut(weight, threads);

    /// <summary>The cut of one expert's rows: small enough to spread few experts over all threads, and to keep a tile of results in cache.</summary>
    public static Blocks Cut(Weight weight, int threads)
    {
        Blocks fair = Blocks.ForRows(weight.RowsPerSlice, weight.RowBytes, threads);
        return (fair with { BlockLength = Math.Min(fair.BlockLength, LargestBlock) }).InGroupsOf(TileRows);
    }

    /// <summary>Products of a block of an expert's rows with contiguous activations.</summary>
    public void Multiply(int expert, int block, byte* x, long xStride, int rows, float* y, long yStride)
    {
        byte* w = At(expert, block, rows, out WeightKernel product);
        product.Dot(w, weight.RowBytes, Blocks.Size(block), x, xStride, rows, weight.Width, y, yStride);
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

        byte* w = At(expert, block, rows, out WeightKernel product);
        product.DotScattered(
            w, weight.RowBytes, size, x, xStride, rows, weight.Width, (float*)output.Address + start, output.Width, groups.Rows + first, tile);
    }

    // A block's rows in the form that is faster for a number of tokens, and the kernel for it.
    private byte* At(int expert, int block, int tokens, out WeightKernel product)
    {
        long offset = (expert * weight.SliceBytes) + (Blocks.Start(block) * weight.RowBytes);
        bool packed = _packed is not null && tokens >= PackedKernel.MinTokens;
        product = packed ? _packed!.Kernel : kernel;
        return packed ? _packed!.Rows(view.Offset + offset, Blocks.Size(block)) : (byte*)view.Address + offset;
    }
}
