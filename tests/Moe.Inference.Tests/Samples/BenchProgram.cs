using System.Text.Json;

namespace Moe.Inference.Tests.Samples;

/// <summary>Runs Bench's command lines in this process.</summary>
internal static class BenchProgram
{
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] args)
    {
        StringWriter output = new(), error = new();
        int exitCode = await Bench.Program.RunAsync(args, output, error);
        return (exitCode, output.ToString(), error.ToString());
    }

    /// <summary>The output of a command that must succeed.</summary>
    public static async Task<string> OutputAsync(params string[] args)
    {
        (int exitCode, string output, string error) = await RunAsync(args);
        (exitCode, error).Should().Be((0, ""), "'{0}' succeeds", string.Join(' ', args));
        return output;
    }

    public static async Task<JsonElement> JsonAsync(params string[] args)
    {
        using JsonDocument document = JsonDocument.Parse(await OutputAsync(args));
        return document.RootElement.Clone();
    }
}
