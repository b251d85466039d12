using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Two values of one shape into a third.</summary>
/// <param name="Left">First operand.</param>
/// <param name="Right">Second operand.</param>
/// <param name="Result">Result.</param>
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

    /// <inheritdoc/>
    public LaunchShape Shape => new(Blocks, 1, 1, Threads);

    /// <inheritdoc/>
    public void Check() => Cover.Exactly("elements", Count, Blocks, PerBlock);
}
