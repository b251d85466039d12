using System.Globalization;
using Moe.Inference.Bench.Speed;
using Spectre.Console;

namespace Moe.Inference.Bench.Comparison;

/// <summary>Shows a comparison to people.</summary>
internal static class CompareTable
{
    private const int LeastWidth = 120;

    public static void Write(TextWriter output, CompareReport report)
    {
        string repacked = report.Repacking == Repacking.Off ? "" : $"weights repacked ({report.Repacking}), ";
        output.WriteLine($"{report.File}, {repacked}{report.Threads} threads, {report.Machine.Processor ?? "unknown processor"}, {report.Machine.Instructions}, {report.Machine.Runtime}, against {report.Peer}");
        Table table = new Table().Border(TableBorder.Simple).AddColumn("measure");
        foreach (string column in (string[])["ours, t/s", "peer, t/s", "ratio", "ratios of the rounds"])
            table.AddColumn(new TableColumn(column).RightAligned());
        foreach (ComparedFigures figures in report.Figures)
            table.AddRow(figures.Measure, Number(figures.Ours.Median), Number(figures.Peer.Median), Number(figures.Ratios.Median), string.Join(", ", figures.Ratios.Runs.Select(Number)));
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = Math.Max(console.Profile.Width, LeastWidth);
        console.Write(table);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"medians; loaded and ready in {report.LoadSeconds:F2} s, the peer in {report.PeerLoadSeconds:F2} s"));
    }

    private static string Number(double value) => value.ToString("F2", CultureInfo.InvariantCulture);
}
