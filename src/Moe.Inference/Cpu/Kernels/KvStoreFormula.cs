using Moe.Inference.Ops;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Writes each token's keys and values to its slot.</summary>
internal sealed unsafe class KvStoreFormula(KernelBinding binding) : IRowFormula
{
    private readonly KvPages _keys = KvPages.Keys(binding.Kv!);
    private readonly KvPages _values = KvPages.Values(binding.Kv!);

    public void Run(int start, int end)
    {
        ReadOnlySpan<int> slots = binding.Inputs[2].Integers(end);
        for (int token = start; token < end; token++)
        {
            _keys.Store((float*)binding.Inputs[0].Address + ((long)token * binding.Inputs[0].Width), slots[token]);
            _values.Store((float*)binding.Inputs[1].Address + ((long)token * binding.Inputs[1].Width), slots[token]);
        }
    }
}
