using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The rotations of each token; an item is one pair of one token.</summary>
/// <param name="Positions">The tokens' positions.</param>
/// <param name="Divisors">Frequency divisors, or null.</param>
/// <param name="Table">The result: a token's cosines, then its sines.</param>
/// <param name="Items">Tokens × pairs.</param>
/// <param name="Pairs">Pairs of a head.</param>
/// <param name="Base">Frequency base.</param>
/// <param name="Scale">Factor on positions.</param>
/// <param name="PerBlock">Items of a block.</param>
/// <param name="Blocks">Blocks.</param>
internal readonly record struct RopeTableGeometry(
    DevicePointer<int> Positions, DevicePointer<float> Divisors, DevicePointer<float> Table, long Items, int Pairs, float Base, float Scale, int PerBlock, int Blocks) : IKernelGeometry
{
    private const int Threads = 128;

    /// <summary>The kernel.</summary>
    public static KernelCode Code { get; } = new("rope_table.cu", "rope_table");

    /// <summary>The cut of a run.</summary>
    public static RopeTableGeometry For(KernelBinding binding, RunSize size)
    {
        RopeTableOp op = (RopeTableOp)binding.Node.Operation;
        long items = ElementwiseGeometry.CountOf(binding, size) / 2;
        return new RopeTableGeometry(
            DevicePointer<int>.Of(binding.Inputs[0]),
            binding.Weights.Count > 0 ? DevicePointer<float>.Of(binding.Weights[0]) : default,
            DevicePointer<float>.Of(binding.Outputs[0]),
            items,
            op.Width / 2,
            op.Base,
            op.Scale,
            Threads,
            Cover.Blocks(items, Threads));
    }

    /// <inheritdoc/>
    public LaunchShape Shape => new(Blocks, 1, 1, Threads);

    /// <inheritdoc/>
    public void Check() => Cover.Exactly("pairs of all tokens", Items, Blocks, PerBlock);
}
