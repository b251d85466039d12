using System.Text;

namespace Moe.Inference.Cuda.Compilation;

/// <summary>The kernels' sources, which travel inside the assembly, and the header made from the geometries.</summary>
internal static class KernelSources
{
    /// <summary>The header that declares every geometry.</summary>
    public const string GeometryHeader = "geometry.cuh";

    private const string Prefix = "Moe.Inference.Cuda.Kernels.";

    private static readonly Lazy<IReadOnlyDictionary<string, string>> AllHeaders = new(() => ReadHeaders());

    /// <summary>All headers by name.</summary>
    public static IReadOnlyDictionary<string, string> Headers => AllHeaders.Value;

    /// <summary>The text of a file.</summary>
    /// <exception cref="FileNotFoundException">There is no such file in the assembly.</exception>
    public static string Read(string name)
    {
        using Stream stream = typeof(KernelSources).Assembly.GetManifestResourceStream(Prefix + name)
            ?? throw new FileNotFoundException($"the assembly holds no kernel file '{name}'", name);
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    private static IEnumerable<string> Names(string extension) => typeof(KernelSources).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal) && name.EndsWith(extension, StringComparison.Ordinal))
        .Select(name => name[Prefix.Length..]);

    private static Dictionary<string, string> ReadHeaders()
    {
        Dictionary<string, string> headers = Names(".cuh").ToDictionary(name => name, Read, StringComparer.Ordinal);
        headers.Add(GeometryHeader, "#pragma once\n" + Kernels.Geometries.Text);
        return headers;
    }
}
