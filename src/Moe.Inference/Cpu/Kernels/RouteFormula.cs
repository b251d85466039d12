using System.Numerics.Tensors;
using Moe.Inference.Ops;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Chooses the experts of each token.</summary>
internal sealed class RouteFormula(KernelBinding binding) : IRowFormula
{
    private readonly RouteOp _op = (RouteOp)binding.Node.Operation;
    private readonly int _experts = binding.Inputs[0].Width;

    public unsafe void Run(int start, int end)
    {
        Span<float> gates = stackalloc float[_experts];
        Span<float> ranks = stackalloc float[_experts];
        for (int token = start; token < end; token++)
        {
            Span<int> ids = new((int*)binding.Outputs[0].Address + ((long)token * _op.Used), _op.Used);
            Gate(binding.Inputs[0].Row(token), gates);
            gates.CopyTo(ranks);
            if (binding.Weights.Count > 0)
                TensorPrimitives.Add(ranks, binding.Weights[0].Row(0), ranks);
            Choose(ranks, ids);
            Weigh(gates, ids, binding.Outputs[1].Row(token));
        }
    }

    private void Gate(ReadOnlySpan<float> logits, Span<float> gates)
    {
        if (_op.Gate == RouterGate.Softmax)
            Softmax.Apply(logits, gates);
        else
            TensorPrimitives.Sigmoid(logits, gates);
    }

    // Insertion into a short sorted list: strictly greater moves ahead, so ties keep the lower expert first.
    private static void Choose(ReadOnlySpan<float> ranks, Span<int> ids)
    {
        int filled = 0;
        for (int expert = 0; expert < ranks.Length; expert++)
        {
            int place = filled;
            while (place > 0 && ranks[expert] > ranks[ids[place - 1]])
                place--;
            if (place == ids.Length)
                continue;
            int moved = Math.Min(filled, ids.Length - 1) - place;
            ids.Slice(place, moved).CopyTo(ids[(place + 1)..]);
            ids[place] = expert;
            filled = Math.Min(filled + 1, ids.Length);
        }
    }

    private void Weigh(ReadOnlySpan<float> gates, ReadOnlySpan<int> ids, Span<float> weights)
    {
        float sum = 0;
        for (int i = 0; i < ids.Length; i++)
            sum += weights[i] = gates[ids[i]];
        float factor = _op.Scale / (_op.Normalize ? sum : 1);
        for (int i = 0; i < weights.Length; i++)
            weights[i] *= factor;
    }
}
