using System.Numerics.Tensors;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Ops;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Rows of a table, decoded.</summary>
internal sealed unsafe class EmbeddingFormula(KernelBinding binding) : IRowFormula
{
    private readonly WeightKernel _table = WeightKernels.For(binding.Weights[0].Type, CpuFeatures.Current, binding.Options.Exact);

    public void Run(int start, int end)
    {
        (var table, var output) = (binding.Weights[0], binding.Outputs[0]);
        ReadOnlySpan<int> ids = binding.Inputs[0].Integers(end);
        for (int row = start; row < end; row++)
        {
            if ((uint)ids[row] >= (ulong)table.Rows)
                throw new ArgumentOutOfRangeException(nameof(start), ids[row], $"the vocabulary has {table.Rows} tokens");
            _table.Decode((byte*)table.Address + (ids[row] * table.RowBytes), (float*)output.Address + ((long)row * output.Width), output.Width);
        }
    }
}

/// <summary>x / sqrt(mean(x²) + ε) · w over groups as wide as w.</summary>
internal sealed class RmsNormFormula(KernelBinding binding) : IRowFormula
{
    private readonly float _epsilon = ((RmsNormOp)binding.Node.Operation).Epsilon;

    public void Run(int start, int end)
    {
        ReadOnlySpan<float> weight = binding.Weights[0].Row(0);
        ReadOnlySpan<float> x = binding.Inputs[0].Slice(start, end);
        Span<float> y = binding.Outputs[0].Slice(start, end);
        for (; x.Length > 0; x = x[weight.Length..], y = y[weight.Length..])
        {
            ReadOnlySpan<float> group = x[..weight.Length];
            float scale = 1 / MathF.Sqrt((TensorPrimitives.SumOfSquares(group) / weight.Length) + _epsilon);
            TensorPrimitives.Multiply(group, scale, y[..weight.Length]);
            TensorPrimitives.Multiply(y[..weight.Length], weight, y[..weight.Length]);
        }
    }
}

/// <summary>The wanted rows.</summary>
internal sealed class SelectRowsFormula(KernelBinding binding) : IRowFormula
{
    public void Run(int start, int end)
    {
        ReadOnlySpan<int> rows = binding.Inputs[1].Integers(end);
        for (int row = start; row < end; row++)
            binding.Inputs[0].Row(rows[row]).CopyTo(binding.Outputs[0].Row(row));
    }
}

/// <summary>One slot of each token's rows, times its weight.</summary>
internal sealed class ScaledSlotFormula(KernelBinding binding) : IRowFormula
{
    private readonly ScaledSlotOp _op = (ScaledSlotOp)binding.Node.Operation;

    public void Run(int start, int end)
    {
        for (int token = start; token < end; token++)
            TensorPrimitives.Multiply(binding.Inputs[0].Row((token * _op.Count) + _op.Slot), binding.Inputs[1].Row(token)[_op.Slot], binding.Outputs[0].Row(token));
    }
}

/// <summary>The weighted sum of each token's rows, product and sum rounded separately as in the composed form.</summary>
internal sealed class MultiAddFormula(KernelBinding binding) : IRowFormula
{
    private readonly int _count = ((MultiAddOp)binding.Node.Operation).Count;

    public void Run(int start, int end)
    {
        for (int token = start; token < end; token++)
        {
            ReadOnlySpan<float> weights = binding.Inputs[1].Row(token);
            Span<float> sum = binding.Outputs[0].Row(token);
            TensorPrimitives.Multiply(binding.Inputs[0].Row(token * _count), weights[0], sum);
            for (int slot = 1; slot < _count; slot++)
                TensorPrimitives.MultiplyAdd(binding.Inputs[0].Row((token * _count) + slot), weights[slot], sum, sum);
        }
    }
}

/// <summary>Softmax over what each token sees; all heads of a token have the same length.</summary>
internal sealed class MaskedSoftmaxFormula(KernelBinding binding) : IRowFormula
{
    private readonly int _heads = ((MaskedSoftmaxOp)binding.Node.Operation).Heads;

    public void Run(int start, int end)
    {
        ReadOnlySpan<int> lengths = binding.Inputs[1].Integers(((end - 1) / _heads) + 1);
        for (int row = start; row < end; row++)
        {
            int length = lengths[row / _heads];
            Softmax.Apply(binding.Inputs[0].Row(row)[..length], binding.Outputs[0].Row(row)[..length]);
        }
    }
}
