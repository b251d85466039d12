using Moe.Inference.Gguf;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Bench.Synthesis;

/// <summary>
/// A byte-level BPE vocabulary of any size: a token for each byte, then strings of lower-case letters, shorter ones first, with and without a
/// space in front, each the merge of an earlier one and a letter; then ChatML's control tokens.
/// </summary>
internal static class SyntheticVocabulary
{
    private const int Bytes = 256;
    private const string ChatTemplate =
        "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endfor %}"
        + "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";

    private static readonly string[] Control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

    /// <summary>Sets the keys <c>tokenizer.*</c>.</summary>
    public static void Describe(GgufWriter writer, int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, Bytes + Control.Length + 1);
        int words = size - Bytes - Control.Length;
        List<string> tokens = [.. Enumerable.Range(0, Bytes).Select(value => $"{ByteAlphabet.ToChar((byte)value)}")];
        List<string> merges = [];
        foreach ((string left, char right) in Merges().Take(words))
        {
            tokens.Add(left + right);
            merges.Add($"{left} {right}");
        }

        tokens.AddRange(Control);
        TokenType[] types = [.. Enumerable.Repeat(TokenType.Normal, Bytes + words), .. Enumerable.Repeat(TokenType.Control, Control.Length)];
        writer.Set("tokenizer.ggml.model", "gpt2");
        writer.Set("tokenizer.ggml.pre", "qwen2");
        writer.Set("tokenizer.ggml.tokens", tokens.ToArray());
        writer.Set("tokenizer.ggml.token_type", Array.ConvertAll(types, type => (int)type));
        writer.Set("tokenizer.ggml.merges", merges.ToArray());
        writer.Set("tokenizer.ggml.bos_token_id", (uint)(size - 3));
        writer.Set("tokenizer.ggml.eos_token_id", (uint)(size - 1));
        writer.Set("tokenizer.ggml.padding_token_id", (uint)(size - 3));
        writer.Set("tokenizer.ggml.add_bos_token", false);
        writer.Set("tokenizer.chat_template", ChatTemplate);
    }

    // Each string that is made is a left side later: the sequence has no end.
    private static IEnumerable<(string Left, char Right)> Merges()
    {
        Queue<string> left = new();
        left.Enqueue($"{ByteAlphabet.ToChar((byte)' ')}");
        for (char c = 'a'; c <= 'z'; c++)
            left.Enqueue($"{c}");
        while (true)
        {
            string text = left.Dequeue();
            for (char c = 'a'; c <= 'z'; c++)
            {
                yield return (text, c);
                left.Enqueue(text + c);
            }
        }
    }
}
