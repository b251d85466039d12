using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The tile of <c>split_product.cuh</c>.</summary>
internal static class SplitTile
{
    /// <summary>Rows of weights.</summary>
    public const int Rows = 64;

    /// <summary>Tokens.</summary>
    public const int Tokens = 32;

    /// <summary>Threads of a block.</summary>
    public const int Threads = 256;

    private const int PartRowBytes = (128 * sizeof(ushort)) + 16, ActivationParts = 3;

    /// <summary>Bytes of shared memory.</summary>
    public static int SharedBytes(WeightFormat format)
    {
        int parts = format.Type == ElementType.BF16 ? 1 : format.Type == ElementType.F16 ? 2 : 3;
        return ((Rows * parts) + (Tokens * ActivationParts)) * PartRowBytes;
    }
}
