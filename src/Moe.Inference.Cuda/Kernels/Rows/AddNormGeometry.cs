using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Sums of rows and their normalization, a block per row.</summary>
/// <param name="Left">First operand.</param>
/// <param name="Right">Second operand.</param>
/// <param name="Weight">The normalization's weight.</param>
/// <param name="Sum">Receives the sums.</param>
/// <param name="Normal">Receives the normalized sums.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Width">Elements of a row.</param>
/// <param name="Epsilon">Added to the mean square.</param>
/// <param name="Threads">Threads of a block.</param>
internal readonly record struct AddNormGeometry(
    DevicePointer<float> Left, DevicePointer<float> Right, DevicePointer<float> Weight, DevicePointer<float> Sum, DevicePointer<float> Normal, int Rows, int Width, float Epsilon, int Threads)
    : IKernelGeometry
{
    // Each thread then has four elements of usual rows, all of which it loads at once.
    private const int ElementsPerThread = 4;
    private const int MostThreads = 1024;

    /// <summary>The kernel.</summary>
    public static KernelCode Code { get; } = new("add_norm.cu", "add_norm");

    /// <summary>The cut of a run.</summary>
    public static AddNormGeometry For(KernelBinding binding, RunSize size)
    {
        int width = binding.Inputs[0].Width;
        return new AddNormGeometry(
            DevicePointer<float>.Of(binding.Inputs[0]),
            DevicePointer<float>.Of(binding.Inputs[1]),
            DevicePointer<float>.Of(binding.Weights[0]),
            DevicePointer<float>.Of(binding.Outputs[0]),
            DevicePointer<float>.Of(binding.Outputs[1]),
            binding.Node.Outputs[0].Rows.Resolve(size),
            width,
            ((AddNormOp)binding.Node.Operation).Epsilon,
            Math.Clamp(32 * Cover.Blocks(width, 32 * ElementsPerThread), 32, MostThreads));
    }

    /// <inheritdoc/>
    public LaunchShape Shape => new(Rows, 1, 1, Threads);

    /// <inheritdoc/>
    public void Check() => Cover.Require(Threads % 32 == 0 && Threads <= MostThreads && Width > 0, "a block has whole warps and a row has elements");
}
