using Moe.Inference.Tests.EndToEnd;
using Moe.Inference.Tests.Placement;

namespace Moe.Inference.Tests.Samples;

public class BenchPlanTests
{
    [Fact]
    public async Task A_file_is_planned_for_devices_that_are_not_here()
    {
        string output = await BenchProgram.OutputAsync("plan", TestModels.Shipped, "--devices", "CPU:64GiB,CUDA0:1GiB", "-ngl", "99", "--n-cpu-moe", "2", "-c", "256");
        output.Should().Contain("context of 256 tokens").And.MatchRegex(@"CUDA0 .* 1\.000 GiB").And.MatchRegex(@"CPU .* 64\.00 GiB").And.Contain("experts of layers 0, 1\n");
    }

    [Fact]
    public async Task The_seed_commands_are_taken_as_written()
    {
        foreach (string[] overrides in (string[][])[SeedCommands.First, SeedCommands.Second])
        {
            string[] options = [.. overrides.SelectMany(text => new[] { "-ot", text })];
            string output = await BenchProgram.OutputAsync(["plan", "qwen3-235b-a22b", "-c", "40960", "--kv-type", "q8_0", "--no-kv-offload", "--devices", "CUDA0,CUDA1,CUDA2", .. options]);
            output.Should().Contain("3.901 GiB  key/value memory of layers 0-93").And.NotContain("error").And.NotContain("warning");
        }

        string third = await BenchProgram.OutputAsync("plan", "qwen3-235b-a22b", "-ngl", "95", "-ts", "1,1,0", "-ot", SeedCommands.Third, "--devices", "CUDA0,CUDA1,CUDA2");
        third.Should().Contain("CUDA2 holds").And.Contain("experts of layers 0-7\n").And.Contain("experts of layers 8-93\n").And.Contain("attention of layers 48-93\n");
    }

    [Fact]
    public async Task Fitting_steps_and_diagrams_are_printed()
    {
        string fitted = await BenchProgram.OutputAsync("plan", "qwen3-30b-a3b", "--fit", "--devices", "CUDA0:8GiB,CUDA1:8GiB", "--steps");
        fitted.Should().Contain("experts of layer").And.Contain("in part").And.Contain("fused-moe").And.Contain("arena CUDA1");
        (await BenchProgram.OutputAsync("plan", "tiny", "--mermaid", "--devices", "SIM0", "-ngl", "3")).Should().StartWith("flowchart TB\n").And.Contain("subgraph SIM0");
    }

    [Fact]
    public async Task A_placement_that_is_not_sound_is_reported_and_exits_with_1()
    {
        (int exitCode, string output, _) = await BenchProgram.RunAsync("plan", "tiny", "--devices", "CUDA0:1MiB", "-ngl", "9");
        exitCode.Should().Be(1);
        output.Should().Contain("error: CUDA0 lacks");
        (exitCode, output, _) = await BenchProgram.RunAsync("plan", "tiny", "--devices", "CUDA0", "-ot", "nothing=CUDA0");
        exitCode.Should().Be(1);
        output.Should().Contain("error: rule 'nothing=CUDA0' matches no tensor");
        (exitCode, _, string error) = await BenchProgram.RunAsync("plan", "tiny", "-ot", "exps=CUDA0");
        exitCode.Should().Be(1);
        error.Should().Contain("no such device");
    }

    [Theory]
    [InlineData("plan tiny -ngl 3")]
    [InlineData("plan tiny -ot x")]
    [InlineData("plan tiny -ot (=CPU")]
    [InlineData("plan tiny --devices CUDA0:many")]
    [InlineData("plan tiny --devices CUDA0 -ngl 3 -ts 1,2")]
    [InlineData("plan tiny --devices CUDA0 -ngl 3 -ts -1")]
    [InlineData("plan tiny --devices CUDA0 -ngl 3 -ts x")]
    [InlineData("plan tiny --devices CUDA0:1GiB --fit -ngl 3")]
    [InlineData("plan tiny --devices CUDA0 --fit")]
    [InlineData("plan tiny -ngl -1")]
    [InlineData("plan tiny --devices SIM0,SIM0")]
    [InlineData("plan tiny -c 0")]
    public async Task Wrong_usage_exits_with_2(string line)
    {
        (int exitCode, string output, string error) = await BenchProgram.RunAsync(line.Split(' '));
        (exitCode, output).Should().Be((2, ""));
        error.Should().StartWith("error: ");
    }
}
