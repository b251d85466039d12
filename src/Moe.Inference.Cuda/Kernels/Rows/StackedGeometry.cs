using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Weighted rows that come stacked, several a token.</summary>
/// <param name="Source">A token's rows one after the other.</param>
/// <param name="Weights">A weight for each row.</param>
/// <param name="Result">A row per token.</param>
/// <param name="Tokens">Tokens.</param>
/// <param name="Width">Elements of a row.</param>
/// <param name="Count">Rows of a token.</param>
/// <param name="Slot">Which of them, where one is wanted.</param>
/// <param name="PerBlock">Elements of a block.</param>
/// <param name="Blocks">Blocks of a token.</param>
internal readonly record struct StackedGeometry(
    DevicePointer<float> Source, DevicePointer<float> Weights, DevicePointer<float> Result, int Tokens, int Width, int Count, int Slot, int PerBlock, int Blocks) : IKernelGeometry
{
    private const int Threads = 128;

    /// <summary>The sum of all rows.</summary>
    public static KernelCode MultiAddCode { get; } = new("stacked.cu", "multi_add");

    /// <summary>One of them.</summary>
    public static KernelCode ScaledSlotCode { get; } = new("stacked.cu", "scaled_slot");

    /// <summary>The cut of a run.</summary>
    public static StackedGeometry For(KernelBinding binding, RunSize size)
    {
        int width = binding.Outputs[0].Width;
        return new StackedGeometry(
            DevicePointer<float>.Of(binding.Inputs[0]),
            DevicePointer<float>.Of(binding.Inputs[1]),
            DevicePointer<float>.Of(binding.Outputs[0]),
            binding.Node.Outputs[0].Rows.Resolve(size),
            width,
            binding.Inputs[1].Width,
            binding.Node.Operation is ScaledSlotOp one ? one.Slot : 0,
            Threads,
            Cover.Blocks(width, Threads));
    }

    /// <inheritdoc/>
    public LaunchShape Shape => new(Tokens, Blocks, 1, Threads);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("elements of a row", Width, Blocks, PerBlock);
        Cover.Require(Slot >= 0 && Slot < Count, "the slot must be one of a token's rows");
    }
}
