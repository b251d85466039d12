using System.CommandLine;
using System.Text.Json;
using Moe.Inference.Bench.Plot;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>plot</c>: the ratios of comparisons as a picture.</summary>
internal static class PlotCommand
{
    public static Command Create()
    {
        Argument<string[]> data = new("DATA") { Description = "What 'compare --json' wrote, file by file", Arity = ArgumentArity.OneOrMore };
        Option<string> output = new("--output", "-o") { Description = "The SVG file to write", Required = true };
        Option<string> title = new("--title") { Description = "What stands above", DefaultValueFactory = _ => "Speed in terms of llama.cpp's" };
        Command command = new("plot", "Draws comparisons as bars") { data, output, title };
        command.SetAction(parsed =>
        {
            RatioBar[] bars = [.. parsed.GetRequiredValue(data).SelectMany(Read)];
            RatioChart.Draw(parsed.GetValue(title)!, bars).Save(parsed.GetRequiredValue(output));
            parsed.InvocationConfiguration.Output.WriteLine($"{parsed.GetRequiredValue(output)}: {bars.Length} bars");
            return 0;
        });
        return command;
    }

    private static RatioBar[] Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
            JsonElement root = document.RootElement;
            string file = string.Join(", ", [Path.GetFileNameWithoutExtension(root.GetProperty("file").GetString()!), .. Conditions(root)]);
            return
            [
                .. root.GetProperty("figures").EnumerateArray().Select(figure => new RatioBar(
                    file,
                    figure.GetProperty("measure").GetString()!,
                    figure.GetProperty("ratios").GetProperty("median").GetDouble(),
                    [.. figure.GetProperty("ratios").GetProperty("runs").EnumerateArray().Select(run => run.GetDouble())])),
            ];
        }
        catch (Exception problem) when (problem is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new UsageException($"'{path}' is not what 'compare --json' writes: {problem.Message}");
        }
    }

    // What tells comparisons of the same file apart.
    private static IEnumerable<string> Conditions(JsonElement root)
    {
        if (root.TryGetProperty("machine", out JsonElement machine) && machine.GetProperty("instructions").GetString() is { } instructions)
            yield return instructions.ToUpperInvariant();
        if (root.TryGetProperty("repacking", out JsonElement repacking) && repacking.GetString() != nameof(Repacking.Off))
            yield return "repacked";
    }
}
