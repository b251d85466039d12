using Moe.Inference.Cuda.Memory;
using Moe.Inference.Cuda.Native;

namespace Moe.Inference.Cuda;

/// <summary>The entry to NVIDIA GPUs. Nothing of libtorch is loaded before a device is created.</summary>
public static class CudaBackend
{
    /// <summary>GPUs that the driver shows; 0 where there is no driver.</summary>
    public static int DeviceCount => NativeLibraries.TryLoadDriver() ? CountDevices() : 0;

    /// <summary>Opens a GPU: finds the driver, libtorch and NVRTC. Put the result into <see cref="ModelOptions.Devices"/>.</summary>
    /// <param name="index">The GPU's number, from 0; CUDA_VISIBLE_DEVICES renumbers them.</param>
    /// <exception cref="CudaUnavailableException">Something is missing or too old; the message says what, and where it was looked for.</exception>
    public static CudaDevice Create(int index = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        CudaEnvironment environment = CudaEnvironment.Probe();
        if (!environment.IsUsable)
            throw new CudaUnavailableException(environment.Missing);
        if (index >= environment.DeviceCount)
            throw new CudaUnavailableException([$"there is no GPU number {index}: the driver shows {environment.DeviceCount}"]);
        return new CudaDevice(index, NativeLibraries.HasSubstituteDriver ? null : () => OpenTorch(index));
    }

    private static TorchMemory OpenTorch(int index) => LibTorch.TryLoad() is { } missing
        ? throw new CudaUnavailableException([missing])
        : new TorchMemory(index);

    private static unsafe int CountDevices()
    {
        int count = 0;
        return Driver.Init(0) == CudaResult.Success && Driver.DeviceGetCount(&count) == CudaResult.Success ? count : 0;
    }
}
