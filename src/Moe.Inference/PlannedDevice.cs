using Moe.Inference.Cpu;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>
/// A device to plan for that need not be here. It is taken to have the kernels that the CPU has, with their scratch memory; nothing can run on
/// it. Named <c>CPU</c>, it only says how much memory the host has.
/// </summary>
public sealed class PlannedDevice : IDeviceProvider
{
    /// <summary>Creates the device.</summary>
    /// <param name="device">Its name.</param>
    /// <param name="memoryBytes">Bytes of its memory, not negative; null for unknown, which everything fits.</param>
    public PlannedDevice(Device device, long? memoryBytes = null)
    {
        if (memoryBytes is { } bytes)
            ArgumentOutOfRangeException.ThrowIfNegative(bytes, nameof(memoryBytes));
        Device = device;
        MemoryBytes = memoryBytes;
    }

    /// <inheritdoc/>
    public Device Device { get; }

    /// <inheritdoc/>
    public long? MemoryBytes { get; }

    /// <summary>Reads a device and its memory, such as <c>CPU</c>, <c>SIM0:24GiB</c> or <c>CUDA1:80GB</c>.</summary>
    /// <exception cref="FormatException">The text is neither.</exception>
    public static PlannedDevice Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? new PlannedDevice(Device.Parse(text)) : new PlannedDevice(Device.Parse(text[..colon]), ByteCount.Parse(text[(colon + 1)..]));
    }

    /// <inheritdoc/>
    public bool CanCopyFrom(Device other) => Device.Kind == Device.CudaKind && other.Kind == Device.CudaKind && other != Device;

    /// <inheritdoc/>
    public void RegisterKernels(OpRegistry registry)
    {
        ArgumentNullException.ThrowIfNull(registry);
        if (Device.IsCpu)
            return;
        foreach (IKernel kernel in new OpRegistry().AddCpuKernels().Kernels)
            registry.Register(new PlannedKernel(kernel, Device.Kind));
    }

    /// <summary>Not possible: there is no such device.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public IBackend Open() => throw new NotSupportedException($"{Device} is only planned for; nothing can run on it");

    /// <inheritdoc/>
    public override string ToString() => MemoryBytes is { } bytes ? $"{Device}:{ByteCount.Text(bytes)}" : Device.ToString();

    private sealed class PlannedKernel(IKernel like, string kind) : IKernel
    {
        public string Operation => like.Operation;

        public string DeviceKind => kind;

        public string? Refuses(GraphNode node, KernelOptions options) => like.Refuses(node, options);

        public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => like.ScratchBytes(node, size, options);

        public IStep Bind(KernelBinding binding) => throw new NotSupportedException($"'{Operation}' on {kind} is only planned");
    }
}
