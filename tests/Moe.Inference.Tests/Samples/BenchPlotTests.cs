using System.Globalization;
using System.Xml.Linq;
using Moe.Inference.Bench.Plot;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Samples;

public class BenchPlotTests
{
    private const string Data = """
        {"file": "model.gguf", "figures": [
          {"measure": "prompt of 512", "ratios": {"median": 2.0, "runs": [1.5, 2.0, 4.0]}},
          {"measure": "generation of 64", "ratios": {"median": 1.0, "runs": [1.0]}}]}
        """;

    [Fact]
    public async Task A_bar_is_as_long_as_its_ratio()
    {
        using TemporaryFolder folder = new();
        await File.WriteAllTextAsync(folder["data.json"], Data);
        await BenchProgram.OutputAsync("plot", folder["data.json"], "-o", folder["chart.svg"]);
        XElement chart = XDocument.Load(folder["chart.svg"]).Root!;
        double[] lengths = [.. Elements(chart, "rect").Select(bar => Number(bar, "width"))];
        lengths.Should().HaveCount(2);
        (lengths[0] / lengths[1]).Should().BeApproximately(2, 1e-9);
        Elements(chart, "circle").Should().HaveCount(4);
        Elements(chart, "text").Select(text => text.Value).Should().Contain(["model, prompt of 512", "2.00", "model, generation of 64", "1.00"]);
    }

    [Fact]
    public async Task Comparisons_of_the_same_file_are_told_apart()
    {
        using TemporaryFolder folder = new();
        await File.WriteAllTextAsync(folder["data.json"], Data.Insert(Data.IndexOf('{', StringComparison.Ordinal) + 1, """ "machine": {"instructions": "Avx2"}, "repacking": "AtLoad", """));
        await BenchProgram.OutputAsync("plot", folder["data.json"], "-o", folder["chart.svg"]);
        Elements(XDocument.Load(folder["chart.svg"]).Root!, "text").Select(text => text.Value).Should().Contain("model, AVX2, repacked, prompt of 512");
    }

    [Fact]
    public void Bars_and_lines_share_a_scale()
    {
        XElement chart = RatioChart.Draw("title", [new RatioBar("a", "b", 3, [3])]).Root!;
        XElement bar = Elements(chart, "rect").Single();
        Elements(chart, "line").Select(line => Number(line, "x1")).Should().HaveCount(4).And.Contain(Number(bar, "x") + Number(bar, "width"));
    }

    [Theory]
    [InlineData("no JSON")]
    [InlineData("{}")]
    [InlineData("""{"file": "a", "figures": [{"measure": 1}]}""")]
    public async Task Other_files_are_wrong_usage(string data)
    {
        using TemporaryFolder folder = new();
        await File.WriteAllTextAsync(folder["data.json"], data);
        (int exitCode, string _, string error) = await BenchProgram.RunAsync("plot", folder["data.json"], "-o", folder["chart.svg"]);
        exitCode.Should().Be(2);
        error.Should().Contain("data.json").And.Contain("compare --json");
    }

    private static IEnumerable<XElement> Elements(XElement chart, string name) => chart.Elements(chart.Name.Namespace + name);

    private static double Number(XElement element, string attribute) => double.Parse(element.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);
}
