namespace Moe.Inference.Tests.EndToEnd;

/// <summary>Models that every checkout has.</summary>
internal static class TestModels
{
    /// <summary>The trained model that ships in the repository.</summary>
    public static string Shipped => Path.Combine(SharedData.RepositoryRoot, "samples", "models", "tiny-stories-moe-Q4_K_M.gguf");

    /// <summary>Some text of the kind the shipped model knows.</summary>
    public const string Story =
        "Once upon a time there was a little girl named Lily. She liked to play in the park with her dog. One day, the dog ran away and Lily was very sad. " +
        "She looked under the bench and behind the trees, but the dog was not there. Then she heard a small sound. It came from the big red box near the pond. " +
        "Lily opened the box and the dog jumped out. They were both very happy and went home together. Her mom made them a warm dinner, and they told her the story.";

    /// <summary>The shipped model, loaded; dispose it.</summary>
    public static Model Load() => Model.Load(Shipped);

    /// <summary>Tokens of <see cref="Story"/>, repeated until there are enough.</summary>
    public static int[] StoryTokens(Model model, int count)
    {
        int[] once = model.Tokenizer.Encode(Story);
        return [.. Enumerable.Range(0, count).Select(i => once[i % once.Length])];
    }

    /// <summary>Logits of all positions, evaluated in chunks of the given lengths.</summary>
    public static async Task<float[][]> LogitsOf(Session session, ReadOnlyMemory<int> tokens, params int[] chunks)
    {
        List<float[]> rows = [];
        foreach (int chunk in chunks.Length == 0 ? [tokens.Length] : chunks)
        {
            await session.EvaluateAsync(tokens[..chunk], (_, logits) => rows.Add(logits.ToArray()), _ => true);
            tokens = tokens[chunk..];
        }

        return [.. rows];
    }

    /// <summary>Reads a whole answer.</summary>
    public static async Task<List<GeneratedToken>> Collect(IAsyncEnumerable<GeneratedToken> tokens)
    {
        List<GeneratedToken> all = [];
        await foreach (GeneratedToken token in tokens)
            all.Add(token);
        return all;
    }
}
