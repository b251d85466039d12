using System.Text.Json;
using Moe.Inference.Bench.Perplexity;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests.Samples;

public class BenchPerplexityTests
{
    private const int Chunk = 32;

    [Fact]
    public void A_score_is_the_exponential_of_the_mean()
    {
        PerplexityScore certain = default(PerplexityScore).Add(Math.Log(4)).Add(Math.Log(4)).Add(Math.Log(4));
        certain.Perplexity.Should().BeApproximately(4, 1e-12);
        certain.StandardError.Should().BeApproximately(0, 1e-6);

        // Of 1 and 3: mean 2, variance 1, so that the mean is known to 1/√(2 − 1).
        PerplexityScore spread = default(PerplexityScore).Add(1).Add(3);
        spread.StandardError.Should().BeApproximately(Math.Exp(2), 1e-9);
    }

    [Fact]
    public async Task The_score_is_that_of_the_logits_and_does_not_depend_on_threads()
    {
        using TemporaryFolder folder = new();
        string path = folder["tiny.gguf"], text = folder["text.txt"];
        await BenchProgram.OutputAsync("synth", "tiny", path, "--type", "q8_0");
        string content = string.Concat(Enumerable.Range(0, 60).Select(i => $"story {i * 37 % 101} of {(char)('a' + (i % 26))}; "));
        await File.WriteAllTextAsync(text, content);

        JsonElement one = await BenchProgram.JsonAsync("perplexity", path, text, "--chunk", $"{Chunk}", "-t", "1", "--json");
        JsonElement two = await BenchProgram.JsonAsync("perplexity", path, text, "--chunk", $"{Chunk}", "-t", "2", "--json");
        two.GetRawText().Should().Be(one.GetRawText());

        (double perplexity, int predictions) = Expected(path, content);
        one.GetProperty("predictions").GetInt32().Should().Be(predictions);
        one.GetProperty("perplexity").GetDouble().Should().BeApproximately(perplexity, perplexity * 1e-5);
    }

    [Fact]
    public async Task A_text_shorter_than_a_chunk_is_refused()
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        await File.WriteAllTextAsync(folder["text.txt"], "too short");
        (int exitCode, _, string error) = await BenchProgram.RunAsync("perplexity", folder["tiny.gguf"], folder["text.txt"]);
        exitCode.Should().Be(2);
        error.Should().Contain("less than one chunk of 512");
    }

    // As ik_llama.cpp's perplexity tool has it; engines agree on a file within 0.05.
    [SkippableTheory]
    [InlineData("Q8_0", 19.503)]
    [InlineData("Q4_K_M", 19.499)]
    public async Task A_trained_model_has_the_published_perplexity(string type, double expected)
    {
        string model = SharedData.Require($"models/tiny-stories-moe/tiny-stories-moe-{type}.gguf");
        string text = SharedData.Require("models/tiny-stories-moe/held-out-stories.txt");
        JsonElement result = await BenchProgram.JsonAsync("perplexity", model, text, "--json");
        result.GetProperty("chunks").GetInt32().Should().Be(35);
        result.GetProperty("predictions").GetInt32().Should().Be(35 * 255);
        result.GetProperty("perplexity").GetDouble().Should().BeApproximately(expected, 0.05);
        result.GetProperty("standard_error").GetDouble().Should().BeApproximately(0.61, 0.005);
    }

    // One token at a time, softmax in double precision.
    private static (double Perplexity, int Predictions) Expected(string path, string content)
    {
        using Model model = Model.Load(path);
        using Context context = model.CreateContext(new ContextOptions { ContextLength = Chunk, Threads = 1, MicroBatch = 512 });
        int[] tokens = model.Tokenizer.Encode(content, addSpecial: false);
        double sum = 0;
        int count = 0;
        for (int start = 0; start + Chunk <= tokens.Length; start += Chunk)
        {
            using Session session = context.CreateSession();
            for (int i = 0; i < Chunk - 1; i++)
            {
                float[] logits = session.Evaluate([i == 0 ? model.Tokenizer.BosToken!.Value : tokens[start + i]]);
                if (i < Chunk / 2)
                    continue;
                double normalizer = Math.Log(logits.Sum(logit => Math.Exp(logit)));
                sum += normalizer - logits[tokens[start + i + 1]];
                count++;
            }
        }

        return (Math.Exp(sum / count), count);
    }
}
