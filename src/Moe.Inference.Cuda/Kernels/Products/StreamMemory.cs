using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Shared memory of the kernels made of <c>row_stream.cuh</c>: a ring of copies for each warp, and a few rows of activations.</summary>
/// <param name="format">The weights' format.</param>
/// <param name="width">Weights of a row.</param>
/// <param name="slots">Copies that a ring holds.</param>
internal readonly struct StreamMemory(WeightFormat format, int width, int slots = StreamMemory.UsualSlots)
{
    /// <summary>Rows of weights that a warp reads together.</summary>
    public const int RowsPerItem = 2;

    /// <summary>The widest rows whose activations surely fit; wider ones are multiplied as floats.</summary>
    public const int WidestRow = 22 << 10;

    private const int UsualSlots = 4, MostSlots = 8, StepWeights = 1024, Unit = 16;
    private const int MostBlocks = 3, BlockOverhead = 1024;

    // Any device's block has as much.
    private const int DeepBytes = 96 << 10;

    /// <summary>
    /// Rings as deep as useful, for launches of a block per multiprocessor that begin while another one still has most of its shared memory.
    /// </summary>
    /// <param name="format">The weights' format.</param>
    /// <param name="width">Weights of a row.</param>
    /// <param name="rows">Rows of activations.</param>
    public static StreamMemory Deep(WeightFormat format, int width, int rows)
    {
        int slots = MostSlots;
        while (slots > UsualSlots && new StreamMemory(format, width, slots).Bytes(RowCut.MostWarps, rows) > DeepBytes)
            slots--;
        return new StreamMemory(format, width, slots);
    }

    /// <summary>What modules are compiled with.</summary>
    public string Defines { get; } = $"SLOTS={slots}";

    /// <summary>Bytes of a block's shared memory.</summary>
    /// <param name="warps">Warps of the block.</param>
    /// <param name="rows">Rows of activations.</param>
    public int Bytes(int warps, int rows)
    {
        int step = (int)ElementLayout.Of(format.Type).RowBytes(StepWeights);
        int ring = RowsPerItem * (Cover.Blocks(step, Unit) + 1) * Unit * slots;
        // Codes, scales, and sums of each 32 codes.
        int row = width + (((width / format.ActivationBlock) + (width / 32)) * sizeof(float));
        return checked((warps * ring) + (rows * row));
    }

    /// <summary>The most rows of activations, up to <paramref name="wanted"/> but at least one, that a block has room for.</summary>
    public int Fitting(int wanted, DeviceFigures figures)
    {
        while (wanted > 1 && Bytes(RowCut.MostWarps, wanted) > figures.SharedBytes)
            wanted--;
        return wanted;
    }

    /// <summary>Blocks that a multiprocessor works on at once.</summary>
    /// <param name="rows">Rows of activations.</param>
    /// <param name="figures">The device.</param>
    public int BlocksAtOnce(int rows, DeviceFigures figures) => Math.Clamp(figures.SharedBytes / (Bytes(RowCut.MostWarps, rows) + BlockOverhead), 1, MostBlocks);
}
