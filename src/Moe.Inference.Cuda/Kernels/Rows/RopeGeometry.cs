using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Rotated heads; an item is a rotated pair, or an element that passes unchanged.</summary>
/// <param name="Source">The heads.</param>
/// <param name="Table">Cosines and sines of each token.</param>
/// <param name="Result">Rotated heads.</param>
/// <param name="Tokens">Tokens.</param>
/// <param name="Items">Items of a token: heads × items of a head.</param>
/// <param name="HeadWidth">Elements of a head.</param>
/// <param name="Pairs">Pairs of a head that are rotated.</param>
/// <param name="PerBlock">Items of a block.</param>
/// <param name="Blocks">Blocks of a token.</param>
internal readonly record struct RopeGeometry(
    DevicePointer<float> Source, DevicePointer<float> Table, DevicePointer<float> Result, int Tokens, int Items, int HeadWidth, int Pairs, int PerBlock, int Blocks) : IKernelGeometry
{
    private const int Threads = 128;

    private static readonly KernelCode HalvesCode = new("rope.cu", "rope_halves");
    private static readonly KernelCode PairsCode = new("rope.cu", "rope_pairs");

    /// <summary>The kernel for a node.</summary>
    public static KernelCode CodeOf(KernelBinding binding) => ((RopeOp)binding.Node.Operation).Style == RopeStyle.Halves ? HalvesCode : PairsCode;

    /// <summary>The cut of a run.</summary>
    public static RopeGeometry For(KernelBinding binding, RunSize size)
    {
        int headWidth = ((RopeOp)binding.Node.Operation).HeadWidth;
        int pairs = binding.Inputs[1].Width / 2;
        int items = binding.Inputs[0].Width / headWidth * (headWidth - pairs);
        return new RopeGeometry(
            DevicePointer<float>.Of(binding.Inputs[0]),
            DevicePointer<float>.Of(binding.Inputs[1]),
            DevicePointer<float>.Of(binding.Outputs[0]),
            binding.Node.Outputs[0].Rows.Resolve(size),
            items,
            headWidth,
            pairs,
            Threads,
            Cover.Blocks(items, Threads));
    }

    /// <inheritdoc/>
    public LaunchShape Shape => new(Tokens, Blocks, 1, Threads);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("pairs of a token", Items, Blocks, PerBlock);
        Cover.Require(Pairs > 0 && 2 * Pairs <= HeadWidth, "no more elements are rotated than a head has");
    }
}
