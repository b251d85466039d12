using System.Diagnostics;
using Moe.Inference.Cuda.Native;

// Tests share the device, and compare what is allocated on it before and after.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Moe.Inference.Cuda.Tests;

/// <summary>
/// The GPU that tests run on: a real one where there is one; else, where a C++ compiler can build it, the emulator of tests/cuda-emulator,
/// which runs the same kernels on the host.
/// </summary>
internal static class TestGpu
{
    private static readonly Lazy<(CudaDevice? Device, string Reason)> Opened = new(Open);

    /// <summary>Whether the kernels run on the host.</summary>
    public static bool IsEmulated => NativeLibraries.HasSubstituteDriver;

    /// <summary>The device, or the test is skipped with the reason.</summary>
    public static CudaDevice Require()
    {
        (CudaDevice? device, string reason) = Opened.Value;
        Skip.If(device is null, reason);
        return device!;
    }

    private static (CudaDevice?, string) Open()
    {
        CudaEnvironment found = CudaEnvironment.Probe();
        if (!found.IsUsable && !NativeLibraries.HasSubstituteDriver)
        {
            if (BuildEmulator() is not { } library)
                return (null, $"no GPU here ({string.Join("; ", found.Missing)}), and no g++ to build the emulator with");
            Environment.SetEnvironmentVariable("MOE_CUDA_DRIVER", library);
            Environment.SetEnvironmentVariable("MOE_CUDA_NVRTC", library);
        }

        return (CudaBackend.Create(), "");
    }

    // Next to the test's own files, once.
    private static string? BuildEmulator()
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "Moe.sln")))
            root = Path.GetDirectoryName(root);
        if (root is null || !OperatingSystem.IsLinux())
            return null;
        string target = Path.Combine(AppContext.BaseDirectory, "cuda-emulator");
        try
        {
            using Process build = Process.Start(new ProcessStartInfo("bash", [Path.Combine(root, "tests", "cuda-emulator", "build.sh"), target]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            Task<string> output = build.StandardOutput.ReadToEndAsync();
            string errors = build.StandardError.ReadToEnd();
            build.WaitForExit();
            output.Wait();
            return build.ExitCode == 0 ? Directory.EnumerateFiles(target, "*.so").Single() : errors.Contains("not found", StringComparison.Ordinal) ? null : throw new InvalidOperationException($"the emulator does not build:\n{errors}");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
