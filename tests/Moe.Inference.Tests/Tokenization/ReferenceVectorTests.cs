using System.Globalization;
using Moe.Inference.Gguf;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Tests.Tokenization;

/// <summary>The vectors that the models' publishers' own tokenizers made.</summary>
public class ReferenceVectorTests
{
    private const string Separator = "\n__ggml_vocab_test__\n";

    [SkippableTheory]
    [InlineData("qwen3")]
    [InlineData("gpt-2")]
    [InlineData("deepseek-llm")]
    [InlineData("starcoder")]
    [InlineData("llama-spm")]
    public void Encodes_the_reference_texts(string name)
    {
        (string[] texts, int[][] expected) = Vectors(name);
        Tokenizer tokenizer = Vocabularies.Shared(name);
        for (int i = 0; i < texts.Length; i++)
            tokenizer.Encode(texts[i], addSpecial: false).Should().Equal(expected[i], $"text {i} is '{texts[i]}'");
    }

    [SkippableTheory]
    [InlineData("qwen3")]
    [InlineData("gpt-2")]
    [InlineData("deepseek-llm")]
    [InlineData("starcoder")]
    [InlineData("llama-spm")]
    public void Decodes_the_reference_ids(string name)
    {
        (string[] texts, int[][] expected) = Vectors(name);
        Tokenizer tokenizer = Vocabularies.Shared(name);
        for (int i = 0; i < texts.Length; i++)
            tokenizer.Decode(expected[i]).Should().Be(texts[i]);
    }

    [SkippableFact]
    public void Knows_the_special_tokens_of_the_reference_vocabularies()
    {
        Tokenizer qwen = Vocabularies.Shared("qwen3");
        qwen.VocabularySize.Should().Be(151669);
        (qwen.BosToken, qwen.EosToken, qwen.AddBos, qwen.AddEos).Should().Be((null, 151645, false, false));
        qwen.EndOfGenerationTokens.Should().BeEquivalentTo([151643, 151645]);
        qwen.GetTokenType(151644).Should().Be(TokenType.Control);
        qwen.GetTokenType(151657).Should().Be(TokenType.UserDefined);

        Tokenizer llama = Vocabularies.Shared("llama-spm");
        (llama.BosToken, llama.EosToken, llama.UnknownToken, llama.AddBos, llama.AddEos).Should().Be((1, 2, 0, true, false));
        llama.EndOfGenerationTokens.Should().BeEquivalentTo([2]);

        Tokenizer deepSeek = Vocabularies.Shared("deepseek-llm");
        (deepSeek.BosToken, deepSeek.EosToken, deepSeek.PaddingToken, deepSeek.AddBos).Should().Be((100000, 100001, 100001, true));
        deepSeek.Encode("3").Should().Equal([100000, .. deepSeek.Encode("3", addSpecial: false)]);
    }

    [SkippableFact]
    public void Round_trips_stories_and_prompts_of_the_tiny_model()
    {
        Tokenizer tokenizer = Vocabularies.Create(SharedData.Require("models/tiny-stories-moe/tiny-stories-moe-Q4_K_M.gguf"));
        string stories = File.ReadAllText(SharedData.Require("models/tiny-stories-moe/held-out-stories.txt"));
        int[] ids = tokenizer.Encode(stories);
        ids[0].Should().Be(tokenizer.BosToken);
        tokenizer.Decode(ids).Should().Be(stories);

        // The ids of a prompt of hf-reference.json, which begins and ends with control tokens.
        int[] prompt = [4094, 302, 273, 198, 295, 271, 220, 22, 381, 220, 20, 30, 4095, 198, 4094, 444, 419, 402, 198];
        string text = tokenizer.Decode(prompt, renderSpecial: true);
        text.Should().StartWith("<|im_start|>user\n").And.EndWith("<|im_start|>assistant\n");
        tokenizer.Encode(text, parseSpecial: true, addSpecial: false).Should().Equal(prompt);
    }

    private static (string[] Texts, int[][] Ids) Vectors(string name)
    {
        string folder = SharedData.Require("reference/tokenizers");
        string[] texts = File.ReadAllText(Path.Combine(folder, name + ".inp")).Split(Separator);
        string[] lines = File.ReadAllText(Path.Combine(folder, name + ".out")).Split('\n');
        int[][] ids = Array.ConvertAll(lines, line => Array.ConvertAll(
            line.Split(' ', StringSplitOptions.RemoveEmptyEntries), id => int.Parse(id, CultureInfo.InvariantCulture)));
        // Every text ends with a separator, and the last one with nothing; every line of ids ends with a line break.
        texts.Length.Should().Be(47);
        return (texts[..46], ids[..46]);
    }
}
