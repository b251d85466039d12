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

    /// <summary>
    /// The keys of a small byte-level BPE vocabulary: the 256 bytes, then <paramref name="more"/> with their types. The keys are without
    /// their prefix.
    /// </summary>
    public static Dictionary<string, GgufValue> BytePairs(string[] merges, params (string Text, TokenType Type)[] more) => new()
    {
        ["model"] = "gpt2",
        ["pre"] = "gpt-2",
        ["tokens"] = (string[])[.. Enumerable.Range(0, 256).Select(value => ByteAlphabet.ToChar((byte)value).ToString()), .. more.Select(token => token.Text)],
        ["token_type"] = (int[])[.. Enumerable.Repeat((int)TokenType.Normal, 256), .. more.Select(token => (int)token.Type)],
        ["merges"] = merges,
    };

    /// <summary>The keys of a small SentencePiece vocabulary: unknown, begin, end, and then pieces with their scores and types.</summary>
    public static Dictionary<string, GgufValue> Pieces(params (string Text, float Score, TokenType Type)[] more) => new()
    {
        ["model"] = "llama",
        ["tokens"] = (string[])["<unk>", "<s>", "</s>", .. more.Select(token => token.Text)],
        ["token_type"] = (int[])[2, 3, 3, .. more.Select(token => (int)token.Type)],
        ["scores"] = (float[])[0, 0, 0, .. more.Select(token => token.Score)],
    };

    /// <summary>The tokenizer that keys describe.</summary>
    public static Tokenizer Create(Dictionary<string, GgufValue> keys)
    {
        OrderedDictionary<string, GgufValue> values = [];
        foreach ((string key, GgufValue value) in keys)
            values.Add("tokenizer.ggml." + key, value);
        return Tokenizer.Create(new GgufMetadata("made-up.gguf", values));
    }
}
