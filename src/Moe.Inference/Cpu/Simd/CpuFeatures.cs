using System.Runtime.Intrinsics.X86;
using Moe.Inference.Cpu.Jit;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Chooses the <see cref="CpuPath"/> of this process.</summary>
internal static class CpuFeatures
{
    /// <summary>The environment variable that forces a path.</summary>
    public const string Variable = "MOE_CPU";

    private static readonly Lazy<CpuPath> Chosen = new(() => Choose(Environment.GetEnvironmentVariable(Variable)));

    /// <summary>The path in use: the fastest the machine has, unless <c>MOE_CPU</c> names another.</summary>
    /// <exception cref="CpuPathException"><c>MOE_CPU</c> names no path, or one that the machine does not have.</exception>
    public static CpuPath Current => Chosen.Value;

    /// <summary>The paths this machine has, from the least to the most.</summary>
    public static IReadOnlyList<CpuPath> Available { get; } = [.. Enum.GetValues<CpuPath>().Where(IsSupported)];

    // Tiles compute the same, but slower so far where they were measured (docs/benchmarks.md): only on request.
    private static CpuPath Default => Available.Last(path => path != CpuPath.Amx);

    /// <summary>Whether this machine has a path.</summary>
    public static bool IsSupported(CpuPath path) => path switch
    {
        CpuPath.Scalar => true,
        CpuPath.Avx2 => Avx2.IsSupported && Fma.IsSupported,
        CpuPath.AvxVnni => AvxVnni.IsSupported && Fma.IsSupported,
        CpuPath.Avx512 => Avx512BW.IsSupported && Avx512BW.VL.IsSupported && Avx512DQ.IsSupported && Fma.IsSupported,
        CpuPath.Amx => IsSupported(CpuPath.Avx512) && JitFeatures.HasTiles,
        _ => false,
    };

    /// <summary>The path for a value of <c>MOE_CPU</c>; null or empty takes the fastest.</summary>
    /// <exception cref="CpuPathException">The value names no path, or one that the machine does not have.</exception>
    public static CpuPath Choose(string? requested)
    {
        if (string.IsNullOrEmpty(requested))
            return Default;
        string have = string.Join(", ", Available.Select(Name));
        foreach (CpuPath path in Enum.GetValues<CpuPath>())
        {
            if (!Name(path).Equals(requested, StringComparison.OrdinalIgnoreCase))
                continue;
            return IsSupported(path)
                ? path
                : throw new CpuPathException(requested, $"{Variable}={requested}: this machine does not have these instructions; it has {have}");
        }
        throw new CpuPathException(requested, $"{Variable}={requested} is unknown; this machine has {have}");
    }

    private static string Name(CpuPath path) => path switch
    {
        CpuPath.Scalar => "scalar",
        CpuPath.Avx2 => "avx2",
        CpuPath.AvxVnni => "avxvnni",
        CpuPath.Avx512 => "avx512",
        CpuPath.Amx => "amx",
        _ => throw new ArgumentOutOfRangeException(nameof(path)),
    };
}
