using System.Globalization;
using System.Xml.Linq;

namespace Moe.Inference.Bench.Plot;

/// <summary>One bar: a measure of a file.</summary>
/// <param name="File">The file, and how it was measured.</param>
/// <param name="Measure">The measure.</param>
/// <param name="Ratio">The median of our speed in terms of the peer's.</param>
/// <param name="Rounds">The ratio of each round.</param>
internal sealed record RatioBar(string File, string Measure, double Ratio, IReadOnlyList<double> Rounds);

/// <summary>Draws ratios as bars with a dot for each round, and a line where both are equally fast, as SVG.</summary>
internal static class RatioChart
{
    private const int LabelWidth = 330, PlotWidth = 460, NumberWidth = 50, RowHeight = 24, BarHeight = 14, Margin = 30;
    private const string Text = "#57606a", Bar = "#4c8bd6", Dot = "#1b4f91", Grid = "#d0d7de", Equal = "#b35900";

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    /// <summary>The chart.</summary>
    public static XDocument Draw(string title, IReadOnlyList<RatioBar> bars)
    {
        double most = Math.Ceiling(bars.SelectMany(bar => bar.Rounds).Append(1).Max());
        double X(double ratio) => LabelWidth + (PlotWidth * ratio / most);
        int bottom = Margin + (RowHeight * bars.Count), width = LabelWidth + PlotWidth + NumberWidth, height = bottom + Margin;
        XElement chart = new(
            Svg + "svg",
            new XAttribute("viewBox", string.Create(CultureInfo.InvariantCulture, $"0 0 {width} {height}")),
            new XAttribute("width", width),
            new XAttribute("height", height),
            new XAttribute("font-family", "sans-serif"),
            new XAttribute("font-size", 12),
            new XElement(Svg + "title", title),
            Label(title, LabelWidth, Margin - 14, "start", bold: true));
        for (int tick = 0; tick <= most; tick++)
        {
            chart.Add(Line(X(tick), Margin, bottom, tick == 1 ? Equal : Grid));
            chart.Add(Label($"{tick} ×", X(tick), bottom + 16, "middle", bold: false));
        }

        for (int row = 0; row < bars.Count; row++)
        {
            RatioBar bar = bars[row];
            double middle = Margin + (RowHeight * (row + 0.5));
            chart.Add(Label($"{bar.File}, {bar.Measure}", LabelWidth - 8, middle + 4, "end", bold: false));
            chart.Add(Element("rect", ("x", LabelWidth), ("y", middle - (BarHeight / 2.0)), ("width", X(bar.Ratio) - LabelWidth), ("height", BarHeight), ("fill", Bar)));
            foreach (double ratio in bar.Rounds)
                chart.Add(Element("circle", ("cx", X(ratio)), ("cy", middle), ("r", 2.5), ("fill", Dot)));
            chart.Add(Label(string.Create(CultureInfo.InvariantCulture, $"{bar.Ratio:F2}"), LabelWidth + PlotWidth + 8, middle + 4, "start", bold: true));
        }

        return new XDocument(chart);
    }

    private static XElement Line(double x, double top, double bottom, string color) => Element("line", ("x1", x), ("x2", x), ("y1", top), ("y2", bottom), ("stroke", color));

    private static XElement Label(string text, double x, double y, string anchor, bool bold)
    {
        XElement label = Element("text", ("x", x), ("y", y), ("text-anchor", anchor), ("fill", Text));
        if (bold)
            label.SetAttributeValue("font-weight", "bold");
        label.Value = text;
        return label;
    }

    private static XElement Element(string name, params (string Name, object Value)[] attributes) =>
        new(Svg + name, attributes.Select(attribute => new XAttribute(attribute.Name, Convert.ToString(Rounded(attribute.Value), CultureInfo.InvariantCulture)!)));

    private static object Rounded(object value) => value is double number ? Math.Round(number, 1) : value;
}
