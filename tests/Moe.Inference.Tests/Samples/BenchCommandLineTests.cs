using System.Text.Json;
using Moe.Inference.Tests.EndToEnd;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Samples;

public class BenchCommandLineTests
{
    [Theory]
    [InlineData("bench")]
    [InlineData("bench file -p -3")]
    [InlineData("bench file -t 1025")]
    [InlineData("bench file -tb 0")]
    [InlineData("bench file --cpu-affinity everywhere")]
    [InlineData("bench file --cpu-affinity 3-1")]
    [InlineData("bench file --numa distribute")]
    [InlineData("bench file -n 2147483647")]
    [InlineData("bench file --kv-type q4_k")]
    [InlineData("logits file --tokens 1,x")]
    [InlineData("synth huge out")]
    [InlineData("synth tiny out --type q9")]
    [InlineData("synth tiny out --type 12x")]
    [InlineData("tokenize file --text a --file b")]
    [InlineData("perplexity file text --chunk 1")]
    [InlineData("nonsense")]
    public async Task Wrong_usage_exits_with_2(string line)
    {
        (int exitCode, string output, string error) = await BenchProgram.RunAsync(line.Split(' '));
        exitCode.Should().Be(2);
        output.Should().BeEmpty();
        error.Should().StartWith("error: ").And.Contain("--help");
    }

    [Theory]
    [InlineData("bench")]
    [InlineData("perplexity", "TEXT")]
    [InlineData("logits", "--tokens", "1")]
    [InlineData("tokenize", "--text", "a")]
    public async Task Damaged_and_missing_files_exit_with_1_and_one_line(string command, params string[] others)
    {
        using TemporaryFolder folder = new();
        await File.WriteAllTextAsync(folder["text"], "text");
        await File.WriteAllTextAsync(folder["damaged.gguf"], "this is no model");
        others = [.. others.Select(other => other == "TEXT" ? folder["text"] : other)];
        foreach (string file in (string[])["missing.gguf", "damaged.gguf"])
        {
            (int exitCode, string output, string error) = await BenchProgram.RunAsync([command, folder[file], .. others]);
            exitCode.Should().Be(1);
            output.Should().BeEmpty();
            error.Trim().Should().StartWith("error: ").And.Contain(file).And.NotContain("\n");
        }
    }

    [Fact]
    public async Task Tokens_outside_the_vocabulary_are_refused()
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        (int exitCode, _, string error) = await BenchProgram.RunAsync("logits", folder["tiny.gguf"], "--tokens", "5,1024");
        exitCode.Should().Be(2);
        error.Should().Contain("1024");
    }

    [Fact]
    public async Task Logits_do_not_depend_on_where_tensors_live()
    {
        string[] arguments = ["logits", TestModels.Shipped, "--tokens", "1,2,3", "-t", "1"];
        string host = await BenchProgram.OutputAsync(arguments);
        (await BenchProgram.OutputAsync([.. arguments, "--devices", "CPU,SIM0", "-ngl", "99", "--n-cpu-moe", "2", "--validate"])).Should().Be(host);
        (int exitCode, string output, string error) = await BenchProgram.RunAsync([.. arguments, "--devices", "VULKAN0", "-ngl", "99"]);
        (exitCode, output).Should().Be((2, ""));
        error.Should().StartWith("error: ").And.Contain("there is no device VULKAN0 here");
    }

    [Fact]
    public async Task Logits_do_not_depend_on_threads_and_where_they_run()
    {
        string[] arguments = ["logits", TestModels.Shipped, "--tokens", string.Join(',', Enumerable.Range(1, 40))];
        string one = await BenchProgram.OutputAsync([.. arguments, "-t", "1"]);
        (await BenchProgram.OutputAsync([.. arguments, "-t", "1", "-tb", "2", "--cpu-affinity", "none", "--numa", "interleave"])).Should().Be(one);
        (await BenchProgram.OutputAsync([.. arguments, "-t", "3", "-tb", "1"])).Should().Be(one);
        (int exitCode, _, string error) = await BenchProgram.RunAsync([.. arguments, "--cpu-affinity", "9999"]);
        exitCode.Should().Be(2);
        error.Should().StartWith("error: processor 9999 is not among those that the process may use");
    }

    [SkippableFact]
    public async Task Exact_logits_are_those_of_the_reference()
    {
        string model = SharedData.Require("models/tiny-stories-moe/tiny-stories-moe-f16.gguf");
        ReferenceCase expected = ReferenceCase.Load(SharedData.Require("models/tiny-stories-moe/hf-reference.json"))[0];
        JsonElement result = await BenchProgram.JsonAsync("logits", model, "--tokens", string.Join(',', expected.Ids), "--exact");
        float[] logits = [.. result.GetProperty("last_logits").EnumerateArray().Select(number => number.GetSingle())];
        logits.Should().HaveSameCount(expected.LastLogits);
        logits.Zip(expected.LastLogits, (a, b) => Math.Abs(a - b)).Max().Should().BeLessThan(2e-3f);
        result.GetProperty("top5")[0].GetInt32().Should().Be(Array.IndexOf(expected.LastLogits, expected.LastLogits.Max()));
    }

    [SkippableFact]
    public async Task Texts_tokenize_as_the_vectors_say()
    {
        string vocabulary = SharedData.Require("reference/tokenizers/gpt-2.gguf");
        string[] texts = (await File.ReadAllTextAsync(SharedData.Require("reference/tokenizers/gpt-2.inp"))).Split("\n__ggml_vocab_test__\n");
        string[] ids = await File.ReadAllLinesAsync(SharedData.Require("reference/tokenizers/gpt-2.out"));
        using TemporaryFolder folder = new();
        for (int i = 0; i < texts.Length; i += 6)
        {
            await File.WriteAllTextAsync(folder["text"], texts[i]);
            string output = await BenchProgram.OutputAsync("tokenize", vocabulary, "--file", folder["text"], "--no-special");
            output.Trim().Should().Be(ids[i].Trim(), "that is text {0}", i);
        }
    }

    [Fact]
    public async Task Text_becomes_control_tokens_only_on_request()
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        string plain = await BenchProgram.OutputAsync("tokenize", folder["tiny.gguf"], "--text", "<|im_end|>");
        string parsed = await BenchProgram.OutputAsync("tokenize", folder["tiny.gguf"], "--text", "<|im_end|>", "--parse-special");
        parsed.Trim().Should().Be("1023");
        plain.Split(' ').Should().HaveCountGreaterThan(1).And.NotContain("1023");
    }
}
