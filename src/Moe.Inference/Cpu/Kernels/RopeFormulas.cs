using System.Numerics;
using Moe.Inference.Ops;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Cosines and sines of each token's rotations.</summary>
internal sealed class RopeTableFormula : IRowFormula
{
    private readonly KernelBinding _binding;
    private readonly float[] _frequencies;

    public RopeTableFormula(KernelBinding binding)
    {
        _binding = binding;
        RopeTableOp op = (RopeTableOp)binding.Node.Operation;
        int pairs = op.Width / 2;
        ReadOnlySpan<float> divisors = binding.Weights.Count > 0 ? binding.Weights[0].Row(0) : default;
        _frequencies = new float[pairs];
        // float32 throughout, as the models were trained and as their reference computes it.
        for (int i = 0; i < pairs; i++)
        {
            float frequency = 1 / MathF.Pow(op.Base, 2f * i / op.Width);
            _frequencies[i] = op.Scale * (divisors.IsEmpty ? frequency : frequency / divisors[i]);
        }
    }

    public void Run(int start, int end)
    {
        ReadOnlySpan<int> positions = _binding.Inputs[0].Integers(end);
        int pairs = _frequencies.Length;
        for (int token = start; token < end; token++)
        {
            Span<float> row = _binding.Outputs[0].Row(token);
            for (int i = 0; i < pairs; i++)
                (row[pairs + i], row[i]) = MathF.SinCos(positions[token] * _frequencies[i]);
        }
    }
}

/// <summary>Rotates the heads of each token.</summary>
internal sealed class RopeFormula(KernelBinding binding) : IRowFormula
{
    private readonly RopeOp _op = (RopeOp)binding.Node.Operation;

    public void Run(int start, int end)
    {
        for (int token = start; token < end; token++)
        {
            ReadOnlySpan<float> table = binding.Inputs[1].Row(token);
            ReadOnlySpan<float> x = binding.Inputs[0].Row(token);
            Span<float> y = binding.Outputs[0].Row(token);
            for (; x.Length > 0; x = x[_op.HeadWidth..], y = y[_op.HeadWidth..])
                Rotate(x[.._op.HeadWidth], y[.._op.HeadWidth], table);
        }
    }

    private void Rotate(ReadOnlySpan<float> x, Span<float> y, ReadOnlySpan<float> table)
    {
        int pairs = table.Length / 2;
        ReadOnlySpan<float> cosines = table[..pairs];
        ReadOnlySpan<float> sines = table[pairs..];
        if (_op.Style == RopeStyle.Halves)
        {
            ReadOnlySpan<float> low = x[..pairs];
            ReadOnlySpan<float> high = x[pairs..(2 * pairs)];
            Span<float> lowOut = y[..pairs];
            Span<float> highOut = y[pairs..(2 * pairs)];
            int i = 0;
            for (; i <= pairs - Vector<float>.Count; i += Vector<float>.Count)
            {
                (Vector<float> a, Vector<float> b) = (new(low[i..]), new(high[i..]));
                (Vector<float> cosine, Vector<float> sine) = (new(cosines[i..]), new(sines[i..]));
                ((a * cosine) - (b * sine)).CopyTo(lowOut[i..]);
                ((b * cosine) + (a * sine)).CopyTo(highOut[i..]);
            }
            for (; i < pairs; i++)
            {
                (float a, float b) = (low[i], high[i]);
                lowOut[i] = (a * cosines[i]) - (b * sines[i]);
                highOut[i] = (b * cosines[i]) + (a * sines[i]);
            }
        }
        else
        {
            for (int i = 0; i < pairs; i++)
            {
                (float even, float odd) = (x[2 * i], x[(2 * i) + 1]);
                y[2 * i] = (even * cosines[i]) - (odd * sines[i]);
                y[(2 * i) + 1] = (odd * cosines[i]) + (even * sines[i]);
            }
        }

        x[(2 * pairs)..].CopyTo(y[(2 * pairs)..]);
    }
}
