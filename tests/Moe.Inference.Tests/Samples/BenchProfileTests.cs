using Moe.Inference.Bench.Profile;
using Moe.Inference.Execution;
using Moe.Inference.Tests.EndToEnd;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Samples;

public class BenchProfileTests
{
    [Theory]
    [InlineData(63, 0)]
    [InlineData(128, 0)]
    [InlineData(129, 128)]
    public async Task All_tokens_are_computed_while_steps_are_timed(int count, int from)
    {
        using Model model = TestModels.Load();
        StepTimer timer = new(repeats: 1);
        using Context context = model.CreateContext(new ContextOptions { ContextLength = 256, MicroBatch = 256, Timer = timer });
        ProfileRun run = new(context, timer);
        int[] tokens = TestModels.StoryTokens(model, count);
        IReadOnlyList<StepTime> times = await run.TimeAsync([tokens], from, CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(1));
        times.Should().NotBeEmpty().And.OnlyContain(time => time.Size.Tokens == count - from);
    }

    [Fact]
    public async Task Tables_of_a_prompt_and_of_a_token_are_printed()
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        string output = await BenchProgram.OutputAsync("profile", folder["tiny.gguf"], "-p", "64", "-d", "64", "-r", "1", "-t", "1");
        output.Should().Contain("prompt of 64: ").And.Contain("one token after 64: ").And.Contain("flash-attention on CPU");
    }
}
