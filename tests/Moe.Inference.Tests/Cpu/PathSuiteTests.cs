using System.Diagnostics;
using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Tests.Cpu;

/// <summary>The numeric tests once more on every other path of this machine, each in a process of its own, as the path is chosen at start-up.</summary>
public class PathSuiteTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private static readonly string[] NumericTests = ["Tests.Conformance.", "Tests.Quantization.", "Tests.Cpu.Simd.", "Tests.Cpu.Jit.", "Tests.EndToEnd.", "Tests.Hybrid.HybridMatrixTests."];

    [SkippableTheory]
    [InlineData(nameof(CpuPath.Scalar))]
    [InlineData(nameof(CpuPath.Avx2))]
    [InlineData(nameof(CpuPath.AvxVnni))]
    [InlineData(nameof(CpuPath.Avx512))]
    [InlineData(nameof(CpuPath.Amx))]
    public async Task Numeric_tests_pass_on(string path)
    {
        CpuPath wanted = Enum.Parse<CpuPath>(path);
        Skip.IfNot(CpuFeatures.IsSupported(wanted), $"this machine has no {path}");
        Skip.If(CpuFeatures.Current == wanted, $"this process runs on {path}");
        ProcessStartInfo start = new("dotnet", [typeof(PathSuiteTests).Assembly.Location, .. NumericTests]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[CpuFeatures.Variable] = path;
        using Process child = Process.Start(start)!;
        using CancellationTokenSource patience = new(Patience);
        try
        {
            Task<string> output = child.StandardOutput.ReadToEndAsync(patience.Token);
            Task<string> error = child.StandardError.ReadToEndAsync(patience.Token);
            await child.WaitForExitAsync(patience.Token);
            string[] lines = (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            lines[0].Should().Be($"path {path}", await error);
            string[] notes = [.. lines.Where(line => !line.Contains("  passed  ", StringComparison.Ordinal) && !line.Contains("  skipped  ", StringComparison.Ordinal))];
            child.ExitCode.Should().Be(0, string.Join('\n', notes) + await error);
        }
        finally
        {
            if (!child.HasExited)
                child.Kill(entireProcessTree: true);
        }
    }
}
