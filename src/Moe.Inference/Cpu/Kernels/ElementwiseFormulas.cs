using System.Numerics.Tensors;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Rows of floats behind a view, as spans.</summary>
internal static unsafe class FloatRows
{
    /// <summary>Rows from <paramref name="start"/> up to <paramref name="end"/>, one after the other.</summary>
    public static Span<float> Slice(this TensorView view, int start, int end) =>
        new((float*)view.Address + ((long)start * view.Width), checked((end - start) * view.Width));

    /// <summary>One row.</summary>
    public static Span<float> Row(this TensorView view, int row) => view.Slice(row, row + 1);

    /// <summary>The first <paramref name="count"/> integers of a view.</summary>
    public static ReadOnlySpan<int> Integers(this TensorView view, int count) => new((int*)view.Address, count);
}

/// <summary>a + b.</summary>
internal sealed class AddFormula(KernelBinding binding) : IRowFormula
{
    public void Run(int start, int end) =>
        TensorPrimitives.Add(binding.Inputs[0].Slice(start, end), binding.Inputs[1].Slice(start, end), binding.Outputs[0].Slice(start, end));
}

/// <summary>Any number of values, added one after the other.</summary>
internal sealed class SumFormula(KernelBinding binding) : IRowFormula
{
    public void Run(int start, int end)
    {
        Span<float> sum = binding.Outputs[0].Slice(start, end);
        TensorPrimitives.Add(binding.Inputs[0].Slice(start, end), binding.Inputs[1].Slice(start, end), sum);
        for (int i = 2; i < binding.Inputs.Count; i++)
            TensorPrimitives.Add(sum, binding.Inputs[i].Slice(start, end), sum);
    }
}

/// <summary>a · b.</summary>
internal sealed class MulFormula(KernelBinding binding) : IRowFormula
{
    public void Run(int start, int end) =>
        TensorPrimitives.Multiply(binding.Inputs[0].Slice(start, end), binding.Inputs[1].Slice(start, end), binding.Outputs[0].Slice(start, end));
}

/// <summary>f(x).</summary>
internal sealed class ActivationFormula(KernelBinding binding) : IRowFormula
{
    private readonly ActivationKind _kind = ((ActivationOp)binding.Node.Operation).Kind;

    public void Run(int start, int end) => Activations.Apply(_kind, binding.Inputs[0].Slice(start, end), binding.Outputs[0].Slice(start, end));
}

/// <summary>f(gate) · up.</summary>
internal sealed class GatedActivationFormula(KernelBinding binding) : IRowFormula
{
    private readonly ActivationKind _kind = ((GatedActivationOp)binding.Node.Operation).Kind;

    public void Run(int start, int end) =>
        Activations.ApplyGated(_kind, binding.Inputs[0].Slice(start, end), binding.Inputs[1].Slice(start, end), binding.Outputs[0].Slice(start, end));
}
