using System.Globalization;
using Spectre.Console;

namespace Moe.Inference.Bench.Speed;

/// <summary>Shows a report to people.</summary>
internal static class SpeedTable
{
    private const int LeastWidth = 110;

    public static void Write(TextWriter output, SpeedReport report)
    {
        SpeedSettings settings = report.Settings;
        output.WriteLine($"{Path.GetFileName(report.File)} ({report.Architecture}), {Size(report.WeightBytes)} of weights, {Size(report.WeightBytesPerToken)} read for a token");
        output.WriteLine($"{report.Machine.Processor ?? "unknown processor"}, {report.Machine.Instructions}, {report.Threads} threads{(report.PromptThreads == report.Threads ? "" : $", {report.PromptThreads} for prompts")}, load {report.Machine.LoadAverage ?? "unknown"}, {report.Machine.Runtime}");
        output.WriteLine($"key/value memory {report.KvType} {Size(report.KvBytes)}, compute memory {Size(report.ComputeBytes)}, {report.Steps} steps{Special(report)}");

        Table table = new Table().Border(TableBorder.Simple).AddColumn("what");
        foreach (string column in (string[])["tokens/s", "slowest", "fastest", "GB/s"])
            table.AddColumn(new TableColumn(column).RightAligned());
        string depth = settings.Depth > 0 ? $" after {settings.Depth}" : "";
        if (report.Prompt is { } prompt)
            AddRow(table, $"prompt of {settings.Prompt}{depth}", prompt, null);
        // Conversations that share a step share what they read of the weights, so that bandwidth says something for one only.
        if (report.Generation is { } generation)
        {
            AddRow(table, $"generation of {settings.GenerationText}{depth}", generation, settings.Parallel > 1 ? null : generation.Median * report.WeightBytesPerToken / 1e9);
        }

        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = Math.Max(console.Profile.Width, LeastWidth);
        console.Write(table);
        if (report.Generation is { } measured)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"a step of generation takes {1000 * settings.Parallel / measured.Median:F2} ms, {report.GenerationRunMilliseconds:F2} of them for the run of the plan"));
        if (report.Repacked is { Policy: not Repacking.Off } repacked)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"repacked {Size(repacked.Bytes)} in {repacked.Time.TotalSeconds:F2} s ({repacked.Policy})"));
        string parts = report.Memory is { Anonymous: { } own, Mapped: { } mapped } ? $" (now {Size(own)} own, {Size(mapped)} of mapped files)" : "";
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"loaded in {report.LoadSeconds:F2} s, context ready in {report.ContextSeconds:F2} s, peak memory {Size(report.Memory.PeakResident)}{parts}"));
    }

    private static void AddRow(Table table, string what, SpeedFigures figures, double? bandwidth) =>
        table.AddRow(what, Number(figures.Median), Number(figures.Slowest), Number(figures.Fastest), bandwidth is { } value ? Number(value) : "");

    private static string Special(SpeedReport report) =>
        (report.Exact ? ", float32" : "")
        + (report.Validated ? ", every step checked" : "")
        + (report.Devices.Count == 0 ? "" : $", on the host and {string.Join(", ", report.Devices)}")
        + (report.DisabledOperations.Count == 0 ? "" : $", without {string.Join(", ", report.DisabledOperations)}");

    private static string Number(double value) => value.ToString("F2", CultureInfo.InvariantCulture);

    private static string Size(long bytes) => bytes switch
    {
        < 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:F1} KiB"),
        < 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):F1} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):F2} GiB"),
    };
}
