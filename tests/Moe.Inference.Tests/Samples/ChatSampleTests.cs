using System.Text.RegularExpressions;
using Moe.Inference.Tests.EndToEnd;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Samples;

public class ChatSampleTests
{
    [Fact]
    public async Task One_answer_is_written_and_the_same_seed_writes_it_again()
    {
        string[] arguments = ["--prompt", "What is the opposite of hot?", "--seed", "7", "--threads", "1"];
        ProgramResult first = await Run(arguments);
        ProgramResult second = await Run(arguments);
        first.ExitCode.Should().Be(0, first.Error);
        first.Output.Trim().Should().Be("The opposite of hot is cold.");
        second.Output.Should().Be(first.Output);
    }

    [Fact]
    public async Task An_answer_does_not_depend_on_where_tensors_live()
    {
        string[] arguments = ["--prompt", "Tell me a story.", "--temperature", "0", "--max-tokens", "16", "--threads", "1"];
        string[] placement = ["--devices", "CPU,SIM0:1GiB", "-ngl", "99", "--cpu-moe", "-ot", @"blk\.0\..*_exps=SIM0"];
        ProgramResult host = await Run(arguments);
        ProgramResult hybrid = await Run([.. arguments, .. placement, "--verbose"]);
        hybrid.ExitCode.Should().Be(0, hybrid.Error);
        hybrid.Output.Should().NotBeEmpty().And.Be(host.Output);
        hybrid.Error.Should().Contain("SIM0", "the device is used");
        ProgramResult validated = await Run([.. arguments, .. placement, "--validate"]);
        validated.Output.Should().Be(host.Output, validated.Error);
    }

    [Theory]
    [InlineData("there is no device VULKAN0 here", "--devices", "CPU,VULKAN0:24GiB", "-ngl", "99")]
    [InlineData("there is no such device", "-ot", "exps=SIM0")]
    [InlineData("SIM0", "--devices", "SIM0:1MiB", "-ngl", "99")]
    public async Task A_placement_that_cannot_be_is_refused_in_one_line(string expected, params string[] arguments)
    {
        ProgramResult result = await Run([.. arguments, "--prompt", "Hello", "--threads", "1"]);
        result.ExitCode.Should().Be(1);
        result.Output.Should().BeEmpty();
        result.Error.Trim().Should().StartWith("error: ").And.Contain(expected).And.NotContain("\n");
    }

    [Fact]
    public async Task Random_choices_depend_on_the_seed()
    {
        string[] arguments = ["--prompt", "Tell me a story.", "--temperature", "1", "--max-tokens", "32", "--threads", "1", "--seed"];
        ProgramResult first = await Run([.. arguments, "1"]);
        ProgramResult second = await Run([.. arguments, "2"]);
        first.Output.Should().NotBe(second.Output);
        first.Error.Should().Contain("generated 32 tokens").And.Contain("--max-tokens reached");
    }

    [Fact]
    public async Task A_second_turn_computes_only_what_is_new()
    {
        ProgramResult result = await Chat(
            "What is the opposite of hot?\n\nWhat day comes after Monday?\n/undo\n/nonsense\n", "--temperature", "0", "--threads", "1");
        result.ExitCode.Should().Be(0, result.Error);
        result.Output.ReplaceLineEndings("\n").Should().Be("The opposite of hot is cold.\nThe day after Monday is Tuesday.\n");
        int[][] figures = [.. Regex.Matches(result.Error, @"prompt (\d+) tokens \(reused (\d+)\).*; generated (\d+) tokens")
            .Select(match => match.Groups.Values.Skip(1).Select(group => int.Parse(group.Value)).ToArray())];
        figures.Should().HaveCount(2);
        figures[0][1].Should().Be(0);
        // All but the token that ended the turn was computed: that one is pending when the answer is complete.
        figures[1][1].Should().Be(figures[0][0] + figures[0][2] - 1);
        result.Error.Should().Contain("taken back: What day comes after Monday?").And.Contain("there is no command /nonsense");
    }

    [Fact]
    public async Task A_full_context_is_explained()
    {
        ProgramResult result = await Chat(
            "Tell me a story about a dog.\nAnd another one about a cat, please, with a happy end, a tree and a ball.\n/clear\nWhat is 1 plus 1?\n",
            "--context",
            "32",
            "--temperature",
            "0",
            "--threads",
            "1");
        result.ExitCode.Should().Be(0, result.Error);
        result.Error.Should().Contain("the context of 32 tokens is full").And.Contain("the text does not fit").And.Contain("/clear").And.Contain("--context");
        result.Output.Should().EndWith($"1 plus 1 is 2.{Environment.NewLine}", "the chat goes on after /clear");
    }

    [Fact]
    public async Task A_damaged_file_is_named_in_one_line()
    {
        using TemporaryFolder folder = new();
        string path = folder["damaged.gguf"];
        await using (FileStream whole = File.OpenRead(TestModels.Shipped))
        await using (FileStream part = File.Create(path))
        {
            byte[] bytes = new byte[100_000];
            await whole.ReadExactlyAsync(bytes);
            await part.WriteAsync(bytes);
        }

        ProgramResult result = await Run(path, "--prompt", "Hello");
        result.ExitCode.Should().Be(1);
        result.Output.Should().BeEmpty();
        result.Error.Trim().Should().StartWith($"error: {path}: ").And.NotContain("\n");
    }

    [Fact]
    public async Task A_model_without_a_chat_template_is_spoken_to_in_ChatML_and_the_program_says_so()
    {
        using TemporaryFolder folder = new();
        TinyModel.Writer().Write(folder["tiny.gguf"]);
        ProgramResult result = await Run(folder["tiny.gguf"], "--prompt", "Hello", "--max-tokens", "3", "--threads", "1");
        result.ExitCode.Should().Be(0, result.Error);
        result.Error.Should().Contain("no chat template").And.Contain("generated 3 tokens");
    }

    [Theory]
    [InlineData(1, "--temperature is 500", "--temperature", "500")]
    [InlineData(1, "no-such-file.gguf", "no-such-file.gguf")]
    [InlineData(2, "--no-such-option", "--no-such-option")]
    public async Task A_wrong_command_line_is_refused(int exitCode, string expected, params string[] arguments)
    {
        ProgramResult result = await Run([.. arguments, "--prompt", "Hello"]);
        result.ExitCode.Should().Be(exitCode);
        result.Output.Should().BeEmpty();
        result.Error.Should().Contain(expected).And.NotContain("   at ", "a user gets no stack trace");
    }

    [Fact]
    public async Task The_file_is_described_without_loading_it()
    {
        ProgramResult result = await Run("--info");
        result.ExitCode.Should().Be(0, result.Error);
        result.Output.Should().MatchRegex(@"architecture\s+qwen3moe").And.MatchRegex(@"supported\s+yes");
    }

    private static Task<ProgramResult> Run(params string[] arguments) => SampleProgram.RunAsync("Chat", "", arguments);

    private static Task<ProgramResult> Chat(string input, params string[] arguments) => SampleProgram.RunAsync("Chat", input, arguments);
}
