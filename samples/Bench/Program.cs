using System.CommandLine;
using Moe.Inference.Bench.Commands;

namespace Moe.Inference.Bench;

/// <summary>Measures models and makes models to measure.</summary>
internal static class Program
{
    private const int Failed = 1;
    private const int WrongUsage = 2;
    private const int Interrupted = 130;

    public static Task<int> Main(string[] args) => RunAsync(args, Console.Out, Console.Error);

    /// <summary>Runs one command line.</summary>
    /// <returns>The exit code: 0 done, 1 failed, 2 a wrong command line, 130 interrupted.</returns>
    internal static async Task<int> RunAsync(IReadOnlyList<string> args, TextWriter output, TextWriter error)
    {
        ParseResult parsed = CommandLine().Parse(args);
        InvocationConfiguration configuration = new() { Output = output, Error = error, EnableDefaultExceptionHandler = false };
        if (parsed.Errors.Count > 0)
        {
            foreach (string message in parsed.Errors.Select(problem => problem.Message).Distinct())
                await error.WriteLineAsync($"error: {message}");
            await error.WriteLineAsync($"'{parsed.RootCommandResult.Command.Name} {Path(parsed)}--help' says what is possible");
            return WrongUsage;
        }

        try
        {
            return await parsed.InvokeAsync(configuration);
        }
        catch (UsageException exception)
        {
            await error.WriteLineAsync($"error: {exception.Message}");
            return WrongUsage;
        }
        catch (ArgumentOutOfRangeException exception) when (exception.ParamName == nameof(ContextOptions.Threading))
        {
            await error.WriteLineAsync($"error: {exception.Message.ReplaceLineEndings(" ")}");
            return WrongUsage;
        }
        catch (OperationCanceledException)
        {
            await error.WriteLineAsync("interrupted");
            return Interrupted;
        }
        catch (Exception exception) when (exception is MoeException or IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            await error.WriteLineAsync($"error: {exception.Message.ReplaceLineEndings(" ")}");
            return Failed;
        }
    }

    private static RootCommand CommandLine() => new("Measures models in GGUF files: speed, perplexity, logits, tokens. Makes models of random weights to measure.")
    {
        BenchCommand.Create(),
        CompareCommand.Create(),
        KernelsCommand.Create(),
        PerplexityCommand.Create(),
        LogitsCommand.Create(),
        TokenizeCommand.Create(),
        PlotCommand.Create(),
        PlanCommand.Create(),
        SynthCommand.Create(),
        SoakCommand.Create(),
        CudaKernelsCommand.Create(),
        ProfileCommand.Create(),
        LoadCommand.Create(),
    };

    private static string Path(ParseResult parsed) => parsed.CommandResult.Command is RootCommand ? "" : $"{parsed.CommandResult.Command.Name} ";
}
