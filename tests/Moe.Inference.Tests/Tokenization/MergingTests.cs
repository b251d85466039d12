using System.Text;
using CsCheck;
using Moe.Inference.Gguf;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Tests.Tokenization;

/// <summary>The fast merge loop against the definition: look at all neighbours, join the best, begin again.</summary>
public class MergingTests
{
    [SkippableFact]
    public void Byte_pairs_merge_as_defined()
    {
        using GgufFile file = GgufFile.Open(SharedData.Require("models/tiny-stories-moe/tiny-stories-moe-Q4_K_M.gguf"));
        Tokenizer tokenizer = Tokenizer.Create(file.Metadata);
        Dictionary<string, int> ranks = file.Metadata.GetStrings("tokenizer.ggml.merges").Select((merge, rank) => (merge, rank))
            .ToDictionary(pair => pair.merge, pair => pair.rank);
        PreTokenizer preTokenizer = PreTokenizers.Find("qwen2");

        Gen.Int.Sample(seed =>
        {
            Random random = new(seed);
            string text = random.Next(2) == 0 ? RandomText.Unicode(random, 10) : RandomLetters(random, 60);
            List<int> ends = [];
            preTokenizer.Split(text, ends);
            List<int> expected = [];
            int start = 0;
            foreach (int end in ends)
            {
                List<string> parts = [.. Encoding.UTF8.GetBytes(text[start..end]).Select(value => ByteAlphabet.ToChar(value).ToString())];
                MergeByDefinition(parts, (left, right) => ranks.TryGetValue($"{left} {right}", out int rank) ? rank : null);
                expected.AddRange(parts.Select(part => tokenizer.TryGetTokenId(part, out int id) ? id : throw new KeyNotFoundException(part)));
                start = end;
            }
            tokenizer.Encode(text, addSpecial: false).Should().Equal(expected, $"seed {seed}, '{text}'");
        }, iter: 500);
    }

    [SkippableFact]
    public void SentencePiece_merges_as_defined()
    {
        using GgufFile file = GgufFile.Open(SharedData.Require("reference/tokenizers/llama-spm.gguf"));
        Tokenizer tokenizer = Vocabularies.Shared("llama-spm");
        float[] scores = file.Metadata.GetSingles("tokenizer.ggml.scores");

        Gen.Int.Sample(seed =>
        {
            Random random = new(seed);
            string text = random.Next(2) == 0 ? RandomText.Unicode(random, 10) : RandomLetters(random, 60);
            List<string> parts = [.. (" " + text).Replace(' ', '\u2581').EnumerateRunes().Select(rune => rune.ToString())];
            MergeByDefinition(parts, (left, right) =>
                tokenizer.TryGetTokenId(left + right, out int id) && tokenizer.GetTokenType(id) == TokenType.Normal ? -scores[id] : null);
            IEnumerable<int> expected = parts.SelectMany<string, int>(part => tokenizer.TryGetTokenId(part, out int id)
                ? [id]
                : Encoding.UTF8.GetBytes(part).Select(value => value + 3));
            tokenizer.Encode(text, addSpecial: false).Should().Equal(expected, $"seed {seed}, '{text}'");
        }, iter: 500);
    }

    private static void MergeByDefinition(List<string> parts, Func<string, string, double?> rank)
    {
        while (true)
        {
            int best = -1;
            double bestRank = double.PositiveInfinity;
            for (int i = 0; i + 1 < parts.Count; i++)
            {
                if (rank(parts[i], parts[i + 1]) is double found && found < bestRank)
                    (best, bestRank) = (i, found);
            }
            if (best < 0)
                return;
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
    }

    private static string RandomLetters(Random random, int length) =>
        string.Create(length, random, (span, source) => source.GetItems("aaabcdeeehilnooprsttty ".AsSpan(), span));
}
