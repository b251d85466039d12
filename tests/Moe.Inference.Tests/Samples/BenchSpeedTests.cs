using System.Text.Json;
using Moe.Inference.Bench.Speed;
using Moe.Inference.Bench.Synthesis;
using Moe.Inference.Gguf;
using Moe.Inference.Tensors;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Samples;

public class BenchSpeedTests
{
    [Theory]
    [InlineData(new double[] { 3 }, 3)]
    [InlineData(new double[] { 9, 1, 5 }, 5)]
    [InlineData(new double[] { 4, 1, 3, 100 }, 3.5)]
    public void The_median_is_the_middle(double[] runs, double median) => new SpeedFigures(1, runs).Median.Should().Be(median);

    [Fact]
    public void A_token_reads_the_chosen_experts_and_one_row_of_the_embedding()
    {
        using TemporaryFolder folder = new();
        ModelShape shape = ModelShape.Presets["tiny"];
        new SyntheticModel(shape, ElementType.F16, ElementType.F32, seed: 1).Write(folder["tiny.gguf"]);
        using GgufFile file = GgufFile.Open(folder["tiny.gguf"]);
        long attention = 2 * ((256 * 256) + (256 * 128) + (256 * 128) + (256 * 256));
        long experts = 2 * 3 * 2 * 256 * 256;
        long vectors = 4 * ((256 * 8) + 256 + 256 + 64 + 64);
        long outside = (2 * 256) + (4 * 256 * 1024) + (4 * 256);
        WeightTraffic.BytesPerToken(ModelOutline.Read(file).Graph).Should().Be((2 * (attention + experts + vectors)) + outside);
    }

    [Fact]
    public async Task Figures_come_as_json()
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        JsonElement report = await BenchProgram.JsonAsync(
            "bench", folder["tiny.gguf"], "-p", "16", "-n", "4", "-r", "2", "-t", "1", "--depth", "70", "--parallel", "3", "--no-fused-moe", "--json");
        report.GetProperty("prompt").GetProperty("runs").GetArrayLength().Should().Be(2);
        report.GetProperty("generation").GetProperty("tokens").GetInt32().Should().Be(12);
        report.GetProperty("generation").GetProperty("median").GetDouble().Should().BePositive();
        report.GetProperty("disabled_operations")[0].GetString().Should().Be("fused-moe");
        report.GetProperty("kv_type").GetString().Should().Be("F16");
        report.GetProperty("memory").GetProperty("peak_resident").GetInt64().Should().BePositive();
    }

    [Theory]
    [InlineData("--no-fused-moe")]
    [InlineData("--no-multi-add", "--no-fused-moe")]
    [InlineData("--no-flash-attention")]
    public async Task A_composed_form_takes_more_steps(params string[] switches)
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        int all = await StepsAsync(folder["tiny.gguf"], switches[1..]);
        int composed = await StepsAsync(folder["tiny.gguf"], switches);
        composed.Should().BeGreaterThan(all);
    }

    [Fact]
    public async Task Figures_come_as_a_table()
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        string text = await BenchProgram.OutputAsync("bench", folder["tiny.gguf"], "-p", "0", "-n", "4", "-r", "1", "-t", "1");
        text.Should().Contain("generation of 4").And.NotContain("prompt of").And.Contain("peak memory");
    }

    private static async Task<int> StepsAsync(string path, params string[] switches) =>
        (await BenchProgram.JsonAsync(["bench", path, "-p", "2", "-n", "0", "-r", "1", "-t", "1", "--json", .. switches])).GetProperty("steps").GetInt32();
}
