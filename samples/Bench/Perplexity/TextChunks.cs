using Moe.Inference.Tokenization;

namespace Moe.Inference.Bench.Perplexity;

/// <summary>A text cut for scoring: tokenized once, cut into chunks of equal length, the rest dropped.</summary>
internal static class TextChunks
{
    /// <summary>The chunks, each with its first token replaced by the one that begins a text, where the vocabulary has one.</summary>
    /// <param name="tokenizer">The vocabulary.</param>
    /// <param name="text">The text.</param>
    /// <param name="length">Tokens of a chunk.</param>
    /// <param name="limit">The most chunks; null for all.</param>
    /// <exception cref="UsageException">The text is shorter than one chunk.</exception>
    public static IReadOnlyList<int[]> Cut(Tokenizer tokenizer, string text, int length, int? limit)
    {
        int[] tokens = tokenizer.Encode(text, parseSpecial: false, addSpecial: false);
        if (tokens.Length < length)
            throw new UsageException($"the text has {tokens.Length} tokens, less than one chunk of {length}");
        int[][] chunks = [.. tokens.Chunk(length).Where(chunk => chunk.Length == length).Take(limit ?? int.MaxValue)];
        if (tokenizer.BosToken is { } bos)
        {
            foreach (int[] chunk in chunks)
                chunk[0] = bos;
        }

        return chunks;
    }
}
