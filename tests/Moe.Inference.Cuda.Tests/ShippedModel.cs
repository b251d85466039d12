using Moe.Inference.Testing;

namespace Moe.Inference.Cuda.Tests;

/// <summary>The trained model that ships in the repository, and what tests ask of it.</summary>
internal static class ShippedModel
{
    private const string Story =
        "Once upon a time there was a little boy named Tom. He had a red ball and a small dog. One day the ball rolled under the big tree, and Tom could not find it. " +
        "The dog ran to the tree and barked. Tom looked down and saw the ball. He was very happy and gave the dog a hug.";

    /// <summary>The file: beside the tests, or in the repository.</summary>
    public static string Path { get; } = Find();

    /// <summary>Logits after each of the first tokens of a story.</summary>
    public static async Task<float[][]> LogitsAsync(Model model, ContextOptions options, int count)
    {
        using Context context = model.CreateContext(options);
        using Session session = context.CreateSession();
        List<float[]> rows = [];
        int[] tokens = [.. model.Tokenizer.Encode(Story).Take(count)];
        // A prompt in chunks, then single tokens: every path of the kernels.
        int single = Math.Min(4, tokens.Length - 1);
        await session.EvaluateAsync(tokens.AsMemory(0, tokens.Length - single), (_, logits) => rows.Add(logits.ToArray()), _ => true);
        for (int i = tokens.Length - single; i < tokens.Length; i++)
            await session.EvaluateAsync(tokens.AsMemory(i, 1), (_, logits) => rows.Add(logits.ToArray()), _ => true);
        return [.. rows];
    }

    /// <summary>The most likely continuation of a story's beginning.</summary>
    public static async Task<int[]> GenerateAsync(Context context, int count)
    {
        using Session session = context.CreateSession();
        List<int> tokens = [];
        GenerationOptions options = new() { MaxTokens = count, Sampling = Sampling.SamplingOptions.Greedy, IgnoreEndOfGeneration = true };
        await foreach (GeneratedToken token in session.GenerateAsync(context.Model.Tokenizer.Encode(Story).AsMemory(0, 12), options))
            tokens.Add(token.Id);
        return [.. tokens];
    }

    private static string Find()
    {
        const string Name = "tiny-stories-moe-Q4_K_M.gguf";
        for (string? folder = AppContext.BaseDirectory; folder is not null; folder = System.IO.Path.GetDirectoryName(folder))
        {
            foreach (string candidate in (string[])[System.IO.Path.Combine(folder, "models", Name), System.IO.Path.Combine(folder, "samples", "models", Name)])
            {
                if (File.Exists(candidate))
                    return candidate;
            }
        }

        throw new FileNotFoundException($"{Name} is neither beside the tests nor in a folder above them");
    }
}

/// <summary>How far two sets of predictions are apart.</summary>
internal static class Divergence
{
    /// <summary>The mean Kullback-Leibler divergence of rows of logits, in nats.</summary>
    public static double Mean(float[][] expected, float[][] actual)
    {
        actual.Length.Should().Be(expected.Length);
        return expected.Zip(actual, SameProbabilities.Divergence).Average();
    }
}
