using System.Runtime.InteropServices;

namespace Moe.Inference.Cuda;

/// <summary>What a machine has of the things that CUDA needs. Looking never loads libtorch.</summary>
/// <param name="HasDriver">Whether NVIDIA's driver library is there.</param>
/// <param name="Missing">What is missing, one sentence each; empty if nothing is.</param>
public sealed record CudaEnvironment(bool HasDriver, IReadOnlyList<string> Missing)
{
    private const string LinuxDriver = "libcuda.so.1";
    private const string WindowsDriver = "nvcuda.dll";

    /// <summary>Looks at this machine.</summary>
    public static CudaEnvironment Probe()
    {
        string library = OperatingSystem.IsWindows() ? WindowsDriver : LinuxDriver;
        if (NativeLibrary.TryLoad(library, out nint handle))
        {
            NativeLibrary.Free(handle);
            return new CudaEnvironment(true, []);
        }

        return new CudaEnvironment(false, [$"NVIDIA's driver is not installed: {library} was not found"]);
    }
}
