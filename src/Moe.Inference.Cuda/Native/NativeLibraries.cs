using System.Reflection;
using System.Runtime.InteropServices;

namespace Moe.Inference.Cuda.Native;

/// <summary>
/// Where the native libraries are found: the driver under its own name, NVRTC among libtorch's files or on the library path. Two environment
/// variables name other files: <c>MOE_CUDA_DRIVER</c> and <c>MOE_CUDA_NVRTC</c>.
/// </summary>
internal static class NativeLibraries
{
    /// <summary>The driver as P/Invoke declarations name it.</summary>
    public const string DriverName = "moe-cuda-driver";

    /// <summary>NVRTC as P/Invoke declarations name it.</summary>
    public const string NvrtcName = "moe-cuda-nvrtc";

    private static readonly Lock Gate = new();
    private static nint _driver;
    private static nint _nvrtc;

    static NativeLibraries() => NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, Resolve);

    /// <summary>The driver's file name, or the file that the environment names.</summary>
    public static string DriverFile => Environment.GetEnvironmentVariable("MOE_CUDA_DRIVER") is { Length: > 0 } path ? path
        : OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    /// <summary>Whether the environment puts another library in the driver's place.</summary>
    public static bool HasSubstituteDriver => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("MOE_CUDA_DRIVER"));

    /// <summary>Loads the driver, once.</summary>
    /// <returns>False if there is none.</returns>
    public static bool TryLoadDriver()
    {
        lock (Gate)
            return _driver != 0 || NativeLibrary.TryLoad(DriverFile, out _driver);
    }

    /// <summary>Loads NVRTC, once.</summary>
    /// <param name="tried">The files that were tried, in order.</param>
    public static bool TryLoadNvrtc(out IReadOnlyList<string> tried)
    {
        lock (Gate)
        {
            string[] candidates = [.. NvrtcFiles.Candidates()];
            tried = candidates;
            foreach (string candidate in candidates)
            {
                if (_nvrtc != 0 || NativeLibrary.TryLoad(candidate, out _nvrtc))
                    return true;
            }

            return false;
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) => name switch
    {
        DriverName => TryLoadDriver() ? _driver : 0,
        NvrtcName => TryLoadNvrtc(out _) ? _nvrtc : 0,
        _ => 0,
    };
}
