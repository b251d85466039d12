using System.Runtime.InteropServices;

namespace Moe.Inference.Cuda.Native;

/// <summary>
/// Finds and loads libtorch for TorchSharp. An application that has TorchSharp-cuda-linux finds it beside itself; another names a folder in
/// <c>MOE_LIBTORCH</c> (of libtorch's own archive, or <c>torch/lib</c> of a Python package). Nothing here touches <c>torch</c>.
/// </summary>
internal static class LibTorch
{
    private static readonly string[] Cores = OperatingSystem.IsWindows() ? ["torch_cuda.dll", "torch.dll"] : ["libtorch_cuda.so", "libtorch.so"];
    private static readonly string Bridge = OperatingSystem.IsWindows() ? "LibTorchSharp.dll" : "libLibTorchSharp.so";

    /// <summary>The folders that libtorch's files may be in, best first.</summary>
    public static IEnumerable<string> Folders()
    {
        if (Environment.GetEnvironmentVariable("MOE_LIBTORCH") is { Length: > 0 } named)
        {
            yield return named;
            yield return Path.Combine(named, "lib");
            // Python's packages keep NVIDIA's libraries beside torch's.
            string packages = Path.Combine(named, "..", "..", "nvidia");
            if (Directory.Exists(packages))
            {
                foreach (string folder in Directory.EnumerateDirectories(packages, "lib", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
                    yield return Path.GetFullPath(folder);
            }
        }

        yield return AppContext.BaseDirectory;
        yield return Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native");
        yield return Path.Combine(AppContext.BaseDirectory, "runtimes", OperatingSystem.IsWindows() ? "win-x64" : "linux-x64", "native");
    }

    /// <summary>Loads libtorch and TorchSharp's bridge to it.</summary>
    /// <returns>What is missing, a sentence; null if all is there.</returns>
    public static string? TryLoad()
    {
        foreach (string file in Cores)
        {
            if (Load(file) is { } missing)
                return missing;
        }

        return Load(Bridge);
    }

    private static string? Load(string file)
    {
        string reason = $"not found in {Folders().First()}, beside the application or on the library path";
        foreach (string candidate in Folders().Select(folder => Path.Combine(folder, file)).Where(File.Exists).Append(file))
        {
            try
            {
                NativeLibrary.Load(candidate);
                return null;
            }
            catch (Exception problem) when (problem is DllNotFoundException or BadImageFormatException)
            {
                // A file that is there but lacks another one says more than one that is not there.
                if (Path.IsPathRooted(candidate))
                    reason = problem.Message;
            }
        }

        return $"{file} of libtorch could not be loaded ({reason}): add the package TorchSharp-cuda-linux (or -windows) to the application, or set MOE_LIBTORCH to a folder that holds libtorch with CUDA, such as torch/lib of a Python installation, and put NVIDIA's libraries beside it on the library path";
    }
}
