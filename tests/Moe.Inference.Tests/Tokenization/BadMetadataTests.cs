using Moe.Inference.Gguf;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Tests.Tokenization;

public class BadMetadataTests
{
    [Theory]
    [InlineData("model")]
    [InlineData("tokens")]
    [InlineData("merges")]
    public void A_missing_key_is_an_error(string key) => Bad(keys => keys.Remove(key)).WithMessage($"made-up.gguf: *'tokenizer.ggml.{key}'*");

    [Fact]
    public void SentencePiece_without_scores_is_an_error() =>
        BadPieces(keys => keys.Remove("scores")).WithMessage("*'tokenizer.ggml.scores'*");

    [Fact]
    public void Keys_of_the_wrong_type_are_errors()
    {
        Bad(keys => keys["tokens"] = 1);
        Bad(keys => keys["token_type"] = "normal");
        Bad(keys => keys["merges"] = (int[])[1]);
        Bad(keys => keys["bos_token_id"] = "1");
        Bad(keys => keys["add_bos_token"] = 1);
        BadPieces(keys => keys["scores"] = (string[])["a"]);
    }

    [Fact]
    public void Arrays_of_other_lengths_are_errors()
    {
        Bad(keys => keys["token_type"] = (int[])[1, 1, 1]).WithMessage("*token_type*3 elements for 257 tokens*");
        BadPieces(keys => keys["scores"] = (float[])[0, 0]).WithMessage("*scores*2 elements for 4 tokens*");
        Bad(keys => keys["tokens"] = (string[])[]).WithMessage("*tokens*empty*");
    }

    [Theory]
    [InlineData("a")]
    [InlineData("ab")]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("a ")]
    [InlineData(" a")]
    public void A_merge_that_is_not_two_pieces_is_an_error(string merge) =>
        Bad(keys => keys["merges"] = (string[])["a b", merge]).WithMessage($"*merges*merge 1 '{merge}'*");

    [Theory]
    [InlineData("bos_token_id")]
    [InlineData("eos_token_id")]
    [InlineData("eot_token_id")]
    [InlineData("unknown_token_id")]
    [InlineData("padding_token_id")]
    public void Ids_outside_the_vocabulary_are_errors(string key)
    {
        Bad(keys => keys[key] = 257u).WithMessage($"*{key}*257*0 to 256*");
        Bad(keys => keys[key] = -2).WithMessage($"*{key}*");
        // This is how some converters write that there is none.
        Vocabularies.Create(With(keys => keys[key] = -1)).Encode("!").Should().Equal(33);
    }

    [Fact]
    public void Adding_a_token_that_there_is_not_is_an_error()
    {
        Bad(keys => keys["add_bos_token"] = true).WithMessage("*add_bos_token*");
        Bad(keys => keys["add_eos_token"] = true).WithMessage("*add_eos_token*");
    }

    [Fact]
    public void Unknown_token_types_and_scores_that_are_no_numbers_are_errors()
    {
        Bad(keys => keys["token_type"] = (int[])[.. Enumerable.Repeat(1, 256), 7]).WithMessage("*token 256*type 7*");
        Bad(keys => keys["token_type"] = (int[])[.. Enumerable.Repeat(1, 256), -1]);
        BadPieces(keys => keys["scores"] = (float[])[0, 0, 0, float.NaN]).WithMessage("*token 3*");
        BadPieces(keys => keys["token_type"] = (int[])[2, 3, 3, 6]).WithMessage("*token 3*byte*");
    }

    [Fact]
    public void Two_tokens_with_one_text_are_an_error() =>
        Bad(keys => keys["tokens"] = (string[])[.. keys["tokens"].TryGetStrings(out string[]? tokens) ? tokens[..256] : [], "a"])
            .WithMessage("*tokens*same text 'a'*");

    [Fact]
    public void Models_and_pretokenizers_that_are_not_known_are_errors_that_name_those_that_are()
    {
        FluentActions.Invoking(() => Vocabularies.Create(new Dictionary<string, GgufValue> { ["model"] = "rwkv" }))
            .Should().Throw<UnsupportedModelException>().WithMessage("*'rwkv'*gpt2*llama*");
        FluentActions.Invoking(() => Vocabularies.Create(With(keys => keys["pre"] = "nonsense")))
            .Should().Throw<UnsupportedModelException>().WithMessage("*'nonsense'*qwen2*");
    }

    [Fact]
    public void Without_types_all_tokens_are_normal()
    {
        Tokenizer tokenizer = Vocabularies.Create(With(keys => keys.Remove("token_type")));
        tokenizer.GetTokenType(256).Should().Be(TokenType.Normal);
    }

    private static Dictionary<string, GgufValue> With(Action<Dictionary<string, GgufValue>> change)
    {
        Dictionary<string, GgufValue> keys = Vocabularies.BytePairs(["a b"], ("ab", TokenType.Normal));
        change(keys);
        return keys;
    }

    private static FluentAssertions.Specialized.ExceptionAssertions<GgufFormatException> Bad(Action<Dictionary<string, GgufValue>> change) =>
        FluentActions.Invoking(() => Vocabularies.Create(With(change))).Should().Throw<GgufFormatException>();

    private static FluentAssertions.Specialized.ExceptionAssertions<GgufFormatException> BadPieces(Action<Dictionary<string, GgufValue>> change)
    {
        Dictionary<string, GgufValue> keys = Vocabularies.Pieces(("a", -1, TokenType.Normal));
        change(keys);
        return FluentActions.Invoking(() => Vocabularies.Create(keys)).Should().Throw<GgufFormatException>();
    }
}
