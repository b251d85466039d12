using Moe.Inference.Cpu.Simd;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>What all CPU kernels share: the kind of device, and a refusal of weights that cannot be decoded.</summary>
internal abstract class CpuKernel(string operation) : IKernel
{
    public string Operation => operation;

    public string DeviceKind => Device.CpuKind;

    public virtual string? Refuses(GraphNode node, KernelOptions options)
    {
        foreach (Weight weight in node.Weights)
        {
            if (!QuantFormats.TryGet(weight.Type, out _))
                return $"'{weight.Name}' is {weight.Type}, which this version cannot decode";
        }

        return null;
    }

    public virtual long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => 0;

    public abstract IStep Bind(KernelBinding binding);

    /// <summary>The product kernel for a weight.</summary>
    protected static WeightKernel ProductOf(Weight weight, KernelOptions options) => WeightKernels.For(weight.Type, CpuFeatures.Current, options.Exact);

    /// <summary>A vector that arithmetic reads as floats must be stored as floats.</summary>
    protected static string? RefusesUnlessFloat(Weight weight) =>
        weight.Type == ElementType.F32 ? null : $"'{weight.Name}' is {weight.Type}; only F32 is taken here";
}
