using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>A tile of rows of weights and of tokens that a block of threads multiplies; see <c>tiled_product.cuh</c>.</summary>
/// <param name="RowWarps">Warps side by side, 32 rows each; as many again take the other half of the tokens.</param>
/// <param name="Tokens">Tokens.</param>
internal readonly record struct ProductTile(int RowWarps, int Tokens)
{
    private const int Step = 256, Unit = 16, FloatBytes = sizeof(float);

    /// <summary>Rows of weights.</summary>
    public int Rows => 32 * RowWarps;

    /// <summary>Threads of the block.</summary>
    public int Threads => 64 * RowWarps;

    /// <summary>Bytes of shared memory; kernels compare it with what they use.</summary>
    public int SharedBytes(WeightFormat format)
    {
        int raw = (int)ElementLayout.Of(format.Type).RowBytes(Step);
        // Blocks begin anywhere within 16 bytes, unless they are whole multiples of 16.
        int block = ElementLayout.Of(format.Type).BlockBytes, alignment = Math.Min(block & -block, Unit);
        raw = Cover.Blocks(raw + Unit - alignment, Unit) * Unit;
        bool super = format.ActivationBlock == Step;
        int row = raw + Step + Unit + (Step / format.ScaleGroup * FloatBytes) + (format.HasMinimums ? Unit : 0) + (super ? 2 * FloatBytes : 0);
        int token = Step + Unit + (format.HasMinimums || !super ? 3 * Unit : 0) + (super ? FloatBytes : 0);
        return (Rows * row) + (Tokens * ((2 * token) + sizeof(int)));
    }
}
