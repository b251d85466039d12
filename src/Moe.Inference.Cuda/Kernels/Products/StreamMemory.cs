using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Shared memory of the kernels made of <c>row_stream.cuh</c>: a ring of copies for each warp, and a few rows of activations.</summary>
/// <param name="format">The weights' format.</param>
/// <param name="width">Weights of a row.</param>
/// <param name="group">Rows of weights that a warp reads together.</param>
internal readonly struct StreamMemory(WeightFormat format, int width, int group)
{
    /// <summary>The widest rows whose activations surely fit; wider ones are multiplied as floats.</summary>
    public const int WidestRow = 32 << 10;

    private const int SlotsOfOne = 6, SlotsOfMore = 4;
    private const int StepWeights = 1024, Unit = 16;

    /// <summary>What modules are compiled with.</summary>
    public static string Defines { get; } = $"SLOTS_OF_ONE={SlotsOfOne} SLOTS_OF_MORE={SlotsOfMore}";

    /// <summary>Bytes of a block's shared memory.</summary>
    /// <param name="warps">Warps of a block.</param>
    /// <param name="rows">Rows of activations.</param>
    public int Bytes(int warps, int rows)
    {
        int step = (int)ElementLayout.Of(format.Type).RowBytes(StepWeights);
        int ring = group * (Cover.Blocks(step, Unit) + 1) * Unit * (group == 1 ? SlotsOfOne : SlotsOfMore);
        // Codes, scales, and sums of each 32 codes.
        int row = width + ((width / format.ActivationBlock) + (width / 32)) * sizeof(float);
        return checked((warps * ring) + (rows * row));
    }
}
