using System.Numerics.Tensors;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>The greatest logits of each row. The host samples from whole rows; this is what other devices' kernels are compared with.</summary>
internal sealed class TopLogitsFormula(KernelBinding binding) : IRowFormula
{
    private readonly TopLogitsOp _op = (TopLogitsOp)binding.Node.Operation;

    public void Run(int start, int end)
    {
        for (int row = start; row < end; row++)
            Run(binding.Inputs[0].Row(row), binding.Outputs[0].Row(row));
    }

    private void Run(ReadOnlySpan<float> logits, Span<float> result)
    {
        Span<float> top = result.Slice(TopLogitsOp.LogitsAt, _op.Count), tokens = result.Slice(_op.TokensAt, _op.Count);
        result.Clear();
        tokens.Fill(-1);
        float greatest = TensorPrimitives.Max(logits);
        if (!float.IsFinite(greatest))
            return;
        double total = LogSoftmax.SumExp(logits, greatest);
        result[0] = (float)total;
        result[1] = (float)(total - result[0]);
        int filled = 0;
        for (int token = 0; token < logits.Length; token++)
        {
            float logit = logits[token];
            if (logit > float.NegativeInfinity && (filled < top.Length || logit > top[^1]))
                filled = Insert(logit, token, top, tokens, filled);
        }
    }

    // Strictly greater moves ahead, so that of equals the lower token comes first.
    private static int Insert(float logit, int token, Span<float> top, Span<float> tokens, int filled)
    {
        int place = filled;
        while (place > 0 && logit > top[place - 1])
            place--;
        int moved = Math.Min(filled, top.Length - 1) - place;
        top.Slice(place, moved).CopyTo(top[(place + 1)..]);
        tokens.Slice(place, moved).CopyTo(tokens[(place + 1)..]);
        (top[place], tokens[place]) = (logit, token);
        return Math.Min(filled + 1, top.Length);
    }
}
