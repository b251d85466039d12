using System.CommandLine;
using System.Globalization;
using Moe.Inference.Testing;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>soak</c>: a model over simulated devices, in random ways, against the same model on the host.</summary>
internal static class SoakCommand
{
    private const int SomethingFailed = 1;

    public static Command Create()
    {
        Argument<string> file = Arguments.Model();
        Option<int> count = Arguments.Count("--count", 1000, "Combinations of placement, switches and requests", aliases: "-n");
        Option<int?> seed = new("--seed") { Description = "Where random numbers start; drawn, and printed, if not given" };
        Option<int> first = Arguments.Count("--first", 0, "The number of the first combination, to run one again", least: 0);
        Command command = new("soak", "Runs random placements over simulated devices and compares all logits with those of the host") { file, count, seed, first };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            HybridSoakResult result = await HybridSoak.RunAsync(
                parsed.GetRequiredValue(file),
                parsed.GetValue(count),
                parsed.GetValue(seed) ?? Random.Shared.Next(),
                output,
                parsed.GetValue(first),
                cancellationToken);
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{result.Count} combinations in {result.Duration.TotalSeconds:F1} s, {result.Failures.Count} failed"));
            return result.Failures.Count == 0 ? 0 : SomethingFailed;
        });
        return command;
    }
}
