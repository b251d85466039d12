using Moe.Inference.Cuda;
using Moe.Inference.Execution;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;

namespace Moe.Inference.Samples;

/// <summary>Devices by their names on a command line.</summary>
internal static class OpenDevices
{
    /// <summary>Opens a GPU or makes a simulated device.</summary>
    /// <exception cref="UsageException">There is no such kind of device.</exception>
    /// <exception cref="CudaUnavailableException">CUDA cannot be used here; the message says why.</exception>
    public static IDeviceProvider Open(PlannedDevice device) => device.Device.Kind switch
    {
        Device.CudaKind => CudaBackend.Create(device.Device.Index),
        SimulatedDevice.DefaultKind => new SimulatedDevice(device.Device.Index, new SimulatedDeviceOptions { Capacity = device.MemoryBytes ?? long.MaxValue }),
        _ => throw new UsageException($"--devices: there is no device {device.Device} here, only CPU, GPUs such as CUDA0, and simulated ones such as SIM0; Bench's 'plan' can plan for it"),
    };
}
