namespace Moe.Inference.Cuda.Native;

/// <summary>The files that NVRTC may be in. libtorch brings one; the CUDA toolkit has another.</summary>
internal static class NvrtcFiles
{
    private static readonly int[] Versions = [13, 12];

    /// <summary>The candidates, best first.</summary>
    public static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("MOE_CUDA_NVRTC") is { Length: > 0 } path)
        {
            yield return path;
            yield break;
        }

        foreach (string folder in LibTorch.Folders())
        {
            foreach (string file in Files(folder))
                yield return file;
        }

        foreach (int version in Versions)
            yield return OperatingSystem.IsWindows() ? $"nvrtc64_{version}0_0.dll" : $"libnvrtc.so.{version}";
    }

    // Also libnvrtc-<hash>.so.13, as libtorch's archives name it; never the file of built-in functions beside it.
    private static IEnumerable<string> Files(string folder) => !Directory.Exists(folder) ? [] :
        Directory.EnumerateFiles(folder, OperatingSystem.IsWindows() ? "nvrtc64_*.dll" : "libnvrtc*.so*")
            .Where(file => !Path.GetFileName(file).Contains("builtins", StringComparison.Ordinal) && !file.Contains(".alt.", StringComparison.Ordinal))
            .OrderDescending(StringComparer.Ordinal);
}
