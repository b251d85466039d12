using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Samples;

public class BenchSoakTests
{
    [Fact]
    public async Task Runs_combinations_and_says_where_random_numbers_started()
    {
        string output = await BenchProgram.OutputAsync("soak", TestModels.Shipped, "--count", "3", "--seed", "5", "--first", "8");
        output.Should().StartWith("seed 5, combinations 8 to 10").And.Contain("3 combinations in").And.EndWith("0 failed\n");
    }

    [Theory]
    [InlineData("--count", "0")]
    [InlineData("--first", "-1")]
    [InlineData("--seed", "x")]
    public async Task A_wrong_number_is_refused(string option, string value) =>
        (await BenchProgram.RunAsync("soak", TestModels.Shipped, option, value)).ExitCode.Should().Be(2);
}
