using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Root-mean-square normalization: groups as wide as the weight, each a warp's or a block's.</summary>
/// <param name="Source">The groups, one after the other.</param>
/// <param name="Weight">The weight.</param>
/// <param name="Result">Normalized groups.</param>
/// <param name="Groups">Their number.</param>
/// <param name="Width">Elements of a group.</param>
/// <param name="Epsilon">Added to the mean square.</param>
/// <param name="PerBlock">Groups of a block.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="Blocks">Blocks.</param>
internal readonly record struct NormGeometry(
    DevicePointer<float> Source, DevicePointer<float> Weight, DevicePointer<float> Result, long Groups, int Width, float Epsilon, int PerBlock, int Threads, int Blocks) : IKernelGeometry
{
    // Wider groups get a block each.
    private const int WidestOfWarp = 256;
    private const int WarpsPerBlock = 4;

    private static readonly KernelCode Warp = new("norm.cu", "norm_warp");
    private static readonly KernelCode Block = new("norm.cu", "norm_block");

    /// <summary>The kernel for a node.</summary>
    public static KernelCode CodeOf(KernelBinding binding) => binding.Weights[0].Width <= WidestOfWarp ? Warp : Block;

    /// <summary>The cut of a run.</summary>
    public static NormGeometry For(KernelBinding binding, RunSize size)
    {
        int width = binding.Weights[0].Width;
        long groups = ElementwiseGeometry.CountOf(binding, size) / width;
        int perBlock = width <= WidestOfWarp ? WarpsPerBlock : 1;
        int threads = width <= WidestOfWarp ? 32 * WarpsPerBlock : width <= 4096 ? 256 : 1024;
        return new NormGeometry(
            DevicePointer<float>.Of(binding.Inputs[0]),
            DevicePointer<float>.Of(binding.Weights[0]),
            DevicePointer<float>.Of(binding.Outputs[0]),
            groups,
            width,
            ((RmsNormOp)binding.Node.Operation).Epsilon,
            perBlock,
            threads,
            Cover.Blocks(groups, perBlock));
    }

    /// <inheritdoc/>
    public LaunchShape Shape => new(Blocks, 1, 1, Threads);

    /// <inheritdoc/>
    public void Check() => Cover.Exactly("groups", Groups, Blocks, PerBlock);
}
