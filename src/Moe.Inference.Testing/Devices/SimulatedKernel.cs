using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Testing;

/// <summary>A CPU kernel as a kernel of a simulated device, which has one worker.</summary>
internal sealed class SimulatedKernel(IKernel cpu, SimulatedDeviceOptions options) : IKernel
{
    public string Operation => cpu.Operation;

    public string DeviceKind => options.Kind;

    public string? Refuses(GraphNode node, KernelOptions kernelOptions) => RefusesType(node, kernelOptions) ?? cpu.Refuses(node, OneWorker(kernelOptions));

    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions kernelOptions) => cpu.ScratchBytes(node, size, OneWorker(kernelOptions));

    public IStep Bind(KernelBinding binding) => cpu.Bind(binding with { Options = OneWorker(binding.Options) });

    private static KernelOptions OneWorker(KernelOptions kernelOptions) => kernelOptions with { Threads = 1 };

    private string? RefusesType(GraphNode node, KernelOptions kernelOptions)
    {
        if (options.ElementTypes is not { } types)
            return null;
        Weight? other = node.Weights.FirstOrDefault(weight => !types.Contains(weight.Type));
        if (other is not null)
            return $"'{other.Name}' is {other.Type}, which the device does not take";
        return node.Kv is not null && !types.Contains(kernelOptions.KvType) ? $"key/value memory is {kernelOptions.KvType}, which the device does not take" : null;
    }
}
