using System.Globalization;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Spectre.Console;

namespace Moe.Inference.Bench.Profile;

/// <summary>Where the time of a run goes: steps of one operation on one device together.</summary>
internal static class ProfileTable
{
    private const int LeastWidth = 120;

    /// <summary>Shows the steps of one run.</summary>
    /// <param name="output">Where.</param>
    /// <param name="title">What ran.</param>
    /// <param name="times">Its steps.</param>
    public static void Write(TextWriter output, string title, IReadOnlyList<StepTime> times)
    {
        double all = times.Sum(time => time.Time.TotalMicroseconds);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{title}: {times.Count} steps, {all / 1000:F3} ms when each runs by itself"));
        Table table = new Table().Border(TableBorder.Simple).AddColumn("operation");
        foreach (string column in (string[])["steps", "ms", "share", "µs each", "GB/s of weights", "GMAC/s"])
            table.AddColumn(new TableColumn(column).RightAligned());
        foreach (IGrouping<string, StepTime> group in times.GroupBy(NameOf).OrderByDescending(group => group.Sum(time => time.Time.Ticks)))
        {
            double microseconds = group.Sum(time => time.Time.TotalMicroseconds);
            Footprint[] footprints = [.. group.Select(time => time.Step.Node.Operation.GetFootprint(time.Step.Node, time.Size))];
            table.AddRow(
                Markup.Escape(group.Key),
                $"{group.Count()}",
                Number(microseconds / 1000, "F3"),
                Number(100 * microseconds / all, "F1") + " %",
                Number(microseconds / group.Count(), "F1"),
                Rate(footprints.Sum(footprint => (double)footprint.Weights.Sum()), microseconds),
                Rate(footprints.Sum(footprint => (double)footprint.MultiplyAdds), microseconds));
        }

        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = Math.Max(console.Profile.Width, LeastWidth);
        console.Write(table);
    }

    // Products differ too much by their shapes to be put together.
    private static string NameOf(StepTime time)
    {
        string name = $"{time.Step.Node.Operation.Name} on {time.Step.Device}";
        return time.Step.Node.Weights.Count > 0 && !time.Step.Node.Weights[0].IsVector
            ? $"{name} {string.Join(" ", time.Step.Node.Weights.Select(weight => $"{weight.Type}[{weight.Width}×{weight.RowsPerSlice}]").Distinct())}"
            : name;
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Rate(double amount, double microseconds) => amount == 0 ? "" : Number(amount / microseconds / 1000, "F1");
}
