using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Softmax over what each token sees: a block per row.</summary>
/// <param name="Scores">The rows.</param>
/// <param name="Lengths">How many elements of its rows a token sees.</param>
/// <param name="Result">Rows of weights.</param>
/// <param name="Rows">Tokens × heads.</param>
/// <param name="Heads">Rows of a token.</param>
/// <param name="Width">Elements from row to row.</param>
/// <param name="Blocks">Blocks.</param>
internal readonly record struct MaskedSoftmaxGeometry(
    DevicePointer<float> Scores, DevicePointer<int> Lengths, DevicePointer<float> Result, int Rows, int Heads, int Width, int Blocks) : IKernelGeometry
{
    private const int Threads = 128;

    /// <summary>The kernel.</summary>
    public static KernelCode Code { get; } = new("masked_softmax.cu", "masked_softmax");

    /// <summary>The cut of a run.</summary>
    public static MaskedSoftmaxGeometry For(KernelBinding binding, RunSize size)
    {
        int rows = binding.Node.Outputs[0].Rows.Resolve(size);
        return new MaskedSoftmaxGeometry(
            DevicePointer<float>.Of(binding.Inputs[0]),
            DevicePointer<int>.Of(binding.Inputs[1]),
            DevicePointer<float>.Of(binding.Outputs[0]),
            rows,
            ((MaskedSoftmaxOp)binding.Node.Operation).Heads,
            binding.Outputs[0].Width,
            rows);
    }

    /// <inheritdoc/>
    public LaunchShape Shape => new(Blocks, 1, 1, Threads);

    /// <inheritdoc/>
    public void Check() => Cover.Exactly("rows", Rows, Blocks, 1);
}
