using System.Diagnostics;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;

namespace Moe.Inference.Tests.Conformance;

/// <summary>A read behind an operand whose result nobody uses shows in no number: only a page that may not be touched notices it.</summary>
public class GuardPageTests
{
    private const string LogVariable = "MOE_TEST_STRAY_READ_LOG";

    private static readonly ConformanceOptions Few = new() { WeightTypes = [ElementType.Q8_0], Threads = [1] };

    private static BrokenKernel StrayReader { get; } = new(ExpertMatMulOp.OpName)
    {
        After = (binding, _) =>
        {
            if (binding.Weights[0].ByteBehind() == 1)
                throw new InvalidOperationException("poison is not 1");
        },
    };

    [SkippableFact]
    public async Task A_stray_read_ends_the_process_and_the_log_names_the_case()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "guard pages need Linux");
        if (Environment.GetEnvironmentVariable(LogVariable) is { } log)
        {
            OpConformance.Check(StrayReader, options: Few with { Log = line => File.AppendAllLines(log, [line]) });
            return;
        }

        string path = Path.GetTempFileName();
        try
        {
            (int code, string output) = await RunThisTestInAnotherProcessAsync(path);
            code.Should().NotBe(0, output);
            output.Should().Contain("crashed");
            string[] lines = await File.ReadAllLinesAsync(path);
            lines[^1].Should().StartWith("expert-matmul, Q8_0 ").And.EndWith(", 1 thread, guard pages");
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Without_guard_pages_such_a_read_goes_unnoticed() => OpConformance.Check(StrayReader, options: Few with { GuardPages = false }).ThrowIfFailed();

    private static async Task<(int Code, string Output)> RunThisTestInAnotherProcessAsync(string log)
    {
        ProcessStartInfo start = new(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["vstest", typeof(GuardPageTests).Assembly.Location, $"--TestCaseFilter:FullyQualifiedName~{nameof(A_stray_read_ends_the_process_and_the_log_names_the_case)}"])
            start.ArgumentList.Add(argument);
        start.Environment[LogVariable] = log;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + errors);
    }
}
