using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>One or two values of one shape into another of that shape.</summary>
/// <param name="Left">First operand.</param>
/// <param name="Right">Second operand, if the kernel takes one.</param>
/// <param name="Result">Result; may be the first operand.</param>
/// <param name="Count">Elements.</param>
/// <param name="PerBlock">Elements of a block.</param>
/// <param name="Blocks">Blocks.</param>
internal readonly record struct ElementwiseGeometry(DevicePointer<float> Left, DevicePointer<float> Right, DevicePointer<float> Result, long Count, int PerBlock, int Blocks) : IKernelGeometry
{
    private const int Threads = 256;
    private const int ElementsPerBlock = 4 * Threads;

    /// <summary>The cut of a number of elements.</summary>
    public static ElementwiseGeometry For(DevicePointer<float> left, DevicePointer<float> right, DevicePointer<float> result, long count) =>
        new(left, right, result, count, ElementsPerBlock, Cover.Blocks(count, ElementsPerBlock));

    /// <summary>The cut of a node's result.</summary>
    public static ElementwiseGeometry For(KernelBinding binding, RunSize size) => For(
        DevicePointer<float>.Of(binding.Inputs[0]),
        binding.Inputs.Count > 1 ? DevicePointer<float>.Of(binding.Inputs[1]) : default,
        DevicePointer<float>.Of(binding.Outputs[0]),
        CountOf(binding, size));

    /// <summary>Elements of a node's result.</summary>
    public static long CountOf(KernelBinding binding, RunSize size) => (long)binding.Node.Outputs[0].Rows.Resolve(size) * binding.Outputs[0].Width;

    /// <inheritdoc/>
    public LaunchShape Shape => new(Blocks, 1, 1, Threads);

    /// <inheritdoc/>
    public void Check() => Cover.Exactly("elements", Count, Blocks, PerBlock);
}
