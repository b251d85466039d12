using System.Security.Cryptography;
using System.Text;

namespace Moe.Inference.Cuda.Compilation;

/// <summary>
/// Compiled kernels on disk, by everything that goes into them: sources and headers, options, compiler. In <c>MOE_CUDA_CACHE</c>, or else in
/// the user's folder for caches; a folder that cannot be written costs time, never correctness.
/// </summary>
internal sealed class KernelCache
{
    private readonly string? _folder = FindFolder();

    /// <summary>The name of a module's file.</summary>
    public static string KeyOf(string source, IReadOnlyDictionary<string, string> headers, IEnumerable<string> options, string compiler)
    {
        StringBuilder all = new();
        foreach (string part in (IEnumerable<string>)[source, .. headers.OrderBy(header => header.Key, StringComparer.Ordinal).Select(header => $"{header.Key}\0{header.Value}"), .. options, compiler])
            all.Append(part.Length).Append(':').Append(part);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all.ToString())));
    }

    /// <summary>Reads a module, or null if it is not there.</summary>
    public byte[]? Find(string key)
    {
        try
        {
            return _folder is null ? null : File.ReadAllBytes(FileOf(key));
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Keeps a module. Other processes never see half of it.</summary>
    public void Keep(string key, byte[] image)
    {
        if (_folder is null)
            return;
        try
        {
            Directory.CreateDirectory(_folder);
            string part = Path.Combine(_folder, Path.GetRandomFileName());
            File.WriteAllBytes(part, image);
            File.Move(part, FileOf(key), overwrite: true);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            // The next start compiles again.
        }
    }

    private static string? FindFolder()
    {
        // What stands in for the driver may change without another version.
        if (Native.NativeLibraries.HasSubstituteDriver)
            return null;
        if (Environment.GetEnvironmentVariable("MOE_CUDA_CACHE") is { Length: > 0 } named)
            return named;
        string home = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        return home.Length == 0 ? null : Path.Combine(home, "moe-inference", "cuda");
    }

    private string FileOf(string key) => Path.Combine(_folder!, $"{key}.cubin");
}
