using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Weighted rows that come stacked, several a token.</summary>
/// <param name="Source">A token's rows one after the other.</param>
/// <param name="Weights">A weight for each row.</param>
/// <param name="Result">A row per token.</param>
/// <param name="Elements">Elements of the result.</param>
/// <param name="Width">Elements of a row.</param>
/// <param name="Count">Rows of a token.</param>
/// <param name="Slot">Which of them, where one is wanted.</param>
/// <param name="PerBlock">Elements of a block.</param>
/// <param name="Blocks">Blocks.</param>
internal readonly record struct StackedGeometry(
    DevicePointer<float> Source, DevicePointer<float> Weights, DevicePointer<float> Result, long Elements, int Width, int Count, int Slot, int PerBlock, int Blocks) : IKernelGeometry
{
    private const int Threads = 128;

    /// <summary>The sum of all rows.</summary>
    public static KernelCode MultiAddCode { get; } = new("stacked.cu", "multi_add");

    /// <summary>One of them.</summary>
    public static KernelCode ScaledSlotCode { get; } = new("stacked.cu", "scaled_slot");

    /// <summary>The cut of a run.</summary>
    public static StackedGeometry For(KernelBinding binding, RunSize size)
    {
        long elements = ElementwiseGeometry.CountOf(binding, size);
        return new StackedGeometry(
            DevicePointer<float>.Of(binding.Inputs[0]),
            DevicePointer<float>.Of(binding.Inputs[1]),
            DevicePointer<float>.Of(binding.Outputs[0]),
            elements,
            binding.Outputs[0].Width,
            binding.Inputs[1].Width,
            binding.Node.Operation is ScaledSlotOp one ? one.Slot : 0,
            Threads,
            Cover.Blocks(elements, Threads));
    }

    /// <inheritdoc/>
    public LaunchShape Shape => new(Blocks, 1, 1, Threads);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("elements", Elements, Blocks, PerBlock);
        Cover.Require(Slot >= 0 && Slot < Count, "the slot must be one of a token's rows");
    }
}
