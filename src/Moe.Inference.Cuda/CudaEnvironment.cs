using Moe.Inference.Cuda.Native;

namespace Moe.Inference.Cuda;

/// <summary>What a machine has of the things that CUDA needs. Looking never loads libtorch.</summary>
/// <param name="HasDriver">Whether NVIDIA's driver library is there.</param>
/// <param name="DeviceCount">GPUs that the driver shows.</param>
/// <param name="Missing">What is missing or too old, one sentence each; empty if nothing is.</param>
public sealed record CudaEnvironment(bool HasDriver, int DeviceCount, IReadOnlyList<string> Missing)
{
    // CUDA 12.0: the oldest that libtorch of these TorchSharp packages works with.
    private const int OldestDriver = 12_000;

    /// <summary>Whether nothing is missing.</summary>
    public bool IsUsable => Missing.Count == 0;

    /// <summary>Looks at this machine.</summary>
    public static unsafe CudaEnvironment Probe()
    {
        if (!NativeLibraries.TryLoadDriver())
            return new CudaEnvironment(false, 0, [$"NVIDIA's driver is not installed: {NativeLibraries.DriverFile} was not found"]);
        CudaResult started = Driver.Init(0);
        int count = 0, version = 0;
        if (started == CudaResult.Success)
            started = Driver.DeviceGetCount(&count);
        if (started is CudaResult.NoDevice || (started is CudaResult.Success && count == 0))
            return new CudaEnvironment(true, 0, ["NVIDIA's driver is installed but shows no GPU; CUDA_VISIBLE_DEVICES may hide them"]);
        if (started != CudaResult.Success)
            return new CudaEnvironment(true, 0, [$"NVIDIA's driver does not start: {started.Describe()}"]);
        List<string> missing = [];
        if (Driver.DriverGetVersion(&version) == CudaResult.Success && version < OldestDriver)
            missing.Add($"NVIDIA's driver is too old: it supports CUDA {Version(version)}, and {Version(OldestDriver)} is needed");
        if (!NativeLibraries.TryLoadNvrtc(out IReadOnlyList<string> tried))
            missing.Add($"NVRTC, which compiles the kernels, was not found; tried {string.Join(", ", tried)}. It comes with TorchSharp-cuda-linux and with the CUDA toolkit; MOE_CUDA_NVRTC may name the file");
        return new CudaEnvironment(true, count, missing);
    }

    private static string Version(int number) => $"{number / 1000}.{number % 1000 / 10}";
}
