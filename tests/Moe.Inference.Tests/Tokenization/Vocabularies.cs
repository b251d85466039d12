using System.Collections.Concurrent;
using Moe.Inference.Gguf;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Tests.Tokenization;

/// <summary>Vocabularies for tests: those of the reference data, loaded once, and small ones made up on the spot.</summary>
internal static class Vocabularies
{
    private static readonly ConcurrentDictionary<string, Tokenizer> Loaded = new();

    /// <summary>A vocabulary of the reference data; skips the running test if it is not there.</summary>
    public static Tokenizer Shared(string name) => Loaded.GetOrAdd(
        SharedData.Require($"reference/tokenizers/{name}.gguf"), static path => Create(path));

    public static Tokenizer Create(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        return Tokenizer.Create(file.Metadata);
    }
}
