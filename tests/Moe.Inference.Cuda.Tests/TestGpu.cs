using System.Diagnostics;
using System.Runtime.InteropServices;
using Moe.Inference.Cuda.Native;

// Tests share the device, and compare what is allocated on it before and after.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Moe.Inference.Cuda.Tests;

/// <summary>
/// The GPU that tests run on: a real one where there is one; else, where a C++ compiler can build it, the emulator of tests/cuda-emulator,
/// which runs the same kernels on the host.
/// </summary>
internal static partial class TestGpu
{
    private static readonly Lazy<(CudaDevice? Device, string Reason)> Opened = new(Open);
    private static readonly Lazy<CudaDevice?> OpenedSecond = new(() => Find() is not null && CudaBackend.DeviceCount > 1 ? CudaBackend.Create(1) : null);

    /// <summary>Whether the kernels run on the host.</summary>
    public static bool IsEmulated => NativeLibraries.HasSubstituteDriver;

    /// <summary>The device, or the test is skipped with the reason.</summary>
    public static CudaDevice Require()
    {
        (CudaDevice? device, string reason) = Opened.Value;
        Skip.If(device is null, reason);
        return device!;
    }

    /// <summary>The device, or null.</summary>
    public static CudaDevice? Find() => Opened.Value.Device;

    /// <summary>Another device, or null where there is one only; the emulator has two.</summary>
    public static CudaDevice? Second => OpenedSecond.Value;

    /// <summary>Two devices, or the test is skipped with the reason.</summary>
    public static (CudaDevice First, CudaDevice Second) RequireTwo()
    {
        CudaDevice first = Require();
        Skip.If(Second is null, $"there is one GPU only, {first.Name}");
        return (first, Second!);
    }

    private static (CudaDevice?, string) Open()
    {
        CudaEnvironment found = CudaEnvironment.Probe();
        if (!found.IsUsable && !NativeLibraries.HasSubstituteDriver)
        {
            if (BuildEmulator() is not { } library)
                return (null, $"no GPU here ({string.Join("; ", found.Missing)}), and no g++ to build the emulator with");
            // The emulator reads its settings from the process, which .NET's own variables do not reach.
            SetNativeVariable("MOE_EMU_DEVICES", "2", 0);
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

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetNativeVariable(string name, string value, int overwrite);
}
