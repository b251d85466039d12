using Moe.Inference.Gguf;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Tests.Tokenization;

public class TokenizerTests
{
    private static readonly string[] NoMerges = [];

    private static Dictionary<string, GgufValue> ChatKeys() => Vocabularies.BytePairs(
        ["a b", "ab c", "b c"],
        ("ab", TokenType.Normal), ("abc", TokenType.Normal), ("bc", TokenType.Normal), ("<|im_end|>", TokenType.Control),
        ("<tool>", TokenType.UserDefined), ("<tool><tool>", TokenType.UserDefined), ("<unk>", TokenType.Unknown), ("<|eot_id|>", TokenType.Normal));

    [Fact]
    public void Text_becomes_a_control_token_only_if_asked()
    {
        Tokenizer tokenizer = Vocabularies.Create(ChatKeys());
        int end = Id(tokenizer, "<|im_end|>");
        tokenizer.Encode("abc<|im_end|>", parseSpecial: true).Should().Equal(Id(tokenizer, "abc"), end);
        tokenizer.Encode("abc<|im_end|>").Should().NotContain(end).And.HaveCount(11);
        tokenizer.Encode("<unk>").Should().HaveCount(5);
        tokenizer.Encode("<unk>", parseSpecial: true).Should().Equal(Id(tokenizer, "<unk>"));
        tokenizer.Decode(tokenizer.Encode("abc<|im_end|>")).Should().Be("abc<|im_end|>");
    }

    [Fact]
    public void Merges_and_whole_words_never_make_a_control_token()
    {
        Dictionary<string, GgufValue> keys = Vocabularies.BytePairs(["a b"], ("ab", TokenType.Control));
        Vocabularies.Create(keys).Encode("ab").Should().Equal('a', 'b');
        keys["pre"] = "llama-bpe";
        Vocabularies.Create(keys).Encode("ab").Should().HaveCount(2);

        Tokenizer pieces = Vocabularies.Create(Vocabularies.Pieces(
            ("s>", 0, TokenType.Normal), ("<", -1, TokenType.Normal), ("s", -1, TokenType.Normal), (">", -1, TokenType.Normal)));
        pieces.Encode("<s>", addSpecial: false).Should().NotContain(1);
    }

    [Fact]
    public void Added_tokens_always_match_the_longest_first()
    {
        Tokenizer tokenizer = Vocabularies.Create(ChatKeys());
        int one = Id(tokenizer, "<tool>"), two = Id(tokenizer, "<tool><tool>");
        tokenizer.Encode("<tool><tool><tool>x<tool").Should().Equal(
            [two, one, .. tokenizer.Encode("x<tool", addSpecial: false)]);
        tokenizer.Decode([two, one]).Should().Be("<tool><tool><tool>");
    }

    [Fact]
    public void Control_tokens_show_only_if_asked()
    {
        Tokenizer tokenizer = Vocabularies.Create(ChatKeys());
        int[] ids = [Id(tokenizer, "ab"), Id(tokenizer, "<|im_end|>"), Id(tokenizer, "<unk>"), Id(tokenizer, "bc")];
        tokenizer.Decode(ids).Should().Be("abbc");
        tokenizer.Decode(ids, renderSpecial: true).Should().Be("ab<|im_end|><unk>bc");
        tokenizer.GetTokenBytes(ids[1]).ToArray().Should().Equal("<|im_end|>"u8.ToArray());
    }

    [Fact]
    public void Generation_ends_at_named_tokens_and_at_control_tokens_known_by_their_text()
    {
        Dictionary<string, GgufValue> keys = ChatKeys();
        keys["eos_token_id"] = 5u;
        keys["eot_token_id"] = 6u;
        keys["eom_token_id"] = 7u;
        Tokenizer tokenizer = Vocabularies.Create(keys);
        tokenizer.EndOfGenerationTokens.Should().BeEquivalentTo([5, 6, 7, Id(tokenizer, "<|im_end|>")]);
        tokenizer.IsEndOfGeneration(Id(tokenizer, "<|eot_id|>")).Should().BeFalse("it is no control token");
        (tokenizer.EotToken, tokenizer.EomToken, tokenizer.BosToken).Should().Be((6, 7, null));
    }

    [Fact]
    public void In_the_harmony_format_an_ended_message_does_not_end_generation()
    {
        Tokenizer harmony = Vocabularies.Create(Vocabularies.BytePairs(
            NoMerges, ("<|end|>", TokenType.Control), ("<|return|>", TokenType.Control), ("<|call|>", TokenType.Control)));
        harmony.EndOfGenerationTokens.Should().BeEquivalentTo([257, 258]);
        Tokenizer phi = Vocabularies.Create(Vocabularies.BytePairs(NoMerges, ("<|end|>", TokenType.Control)));
        phi.EndOfGenerationTokens.Should().BeEquivalentTo([256]);
    }

    [Theory]
    [InlineData("gpt-2", null, false)]
    [InlineData("gpt-2", true, true)]
    [InlineData("llama-bpe", null, true)]
    [InlineData("llama-bpe", false, false)]
    [InlineData("tekken", null, true)]
    [InlineData("qwen2", null, false)]
    public void Begin_of_text_is_added_as_the_file_says_or_the_family_does(string pre, bool? stated, bool expected)
    {
        Dictionary<string, GgufValue> keys = Vocabularies.BytePairs(NoMerges, ("<s>", TokenType.Control));
        keys["pre"] = pre;
        keys["bos_token_id"] = 256u;
        if (stated is bool value)
            keys["add_bos_token"] = value;
        Tokenizer tokenizer = Vocabularies.Create(keys);
        tokenizer.AddBos.Should().Be(expected);
        tokenizer.Encode("!").Should().Equal(expected ? [256, 33] : [33]);
        tokenizer.Encode("").Should().Equal(expected ? [256] : []);
        tokenizer.Encode("!", addSpecial: false).Should().Equal(33);
    }

    [Fact]
    public void End_of_text_is_added_as_the_file_says()
    {
        Dictionary<string, GgufValue> keys = Vocabularies.BytePairs(NoMerges, ("</s>", TokenType.Control));
        keys["eos_token_id"] = 256u;
        keys["add_eos_token"] = true;
        Tokenizer tokenizer = Vocabularies.Create(keys);
        tokenizer.Encode("!").Should().Equal(33, 256);
        tokenizer.CountTokens("!").Should().Be(2);
        List<int> ids = [7];
        tokenizer.Encode("!".AsSpan(), ids);
        ids.Should().Equal(7, 33, 256);
    }

    [Fact]
    public void Llama3_takes_a_word_that_is_a_token_without_merging()
    {
        Dictionary<string, GgufValue> keys = Vocabularies.BytePairs(["b c"], ("bc", TokenType.Normal), ("abc", TokenType.Normal));
        Vocabularies.Create(keys).Encode("abc").Should().Equal('a', 256);
        keys["pre"] = "llama-bpe";
        Vocabularies.Create(keys).Encode("abc").Should().Equal(257);
    }

    [Fact]
    public void Pieces_that_only_merges_name_are_cut_into_bytes()
    {
        Tokenizer tokenizer = Vocabularies.Create(Vocabularies.BytePairs(["a b", "ab c"], ("abc", TokenType.Normal)));
        tokenizer.Encode("abcab").Should().Equal(256, 'a', 'b');
    }

    [Fact]
    public void What_the_vocabulary_lacks_becomes_its_unknown_token_or_nothing()
    {
        Dictionary<string, GgufValue> keys = new()
        {
            ["model"] = "gpt2",
            ["pre"] = "gpt-2",
            ["tokens"] = (string[])["<unk>", "a", "<|endoftext|>"],
            ["token_type"] = (int[])[2, 1, 3],
            ["merges"] = NoMerges,
        };
        Vocabularies.Create(keys).Encode("axa").Should().Equal(1, 1);
        keys["unknown_token_id"] = 0u;
        Vocabularies.Create(keys).Encode("axa").Should().Equal(1, 0, 1);
        keys["unknown_token_id"] = 2u;
        Vocabularies.Create(keys).Encode("axa").Should().Equal([1, 1], "text does not become a control token");

        Tokenizer pieces = Vocabularies.Create(Vocabularies.Pieces(
            ("\u2581", -1, TokenType.Normal), ("a", -1, TokenType.Normal), ("<0xC3>", 0, TokenType.Byte)));
        pieces.Encode("a\u00E9a").Should().Equal(1, 3, 4, 0, 4);
    }

    [Fact]
    public void SentencePiece_joins_the_highest_score_first_and_the_leftmost_among_equals()
    {
        (string, float, TokenType)[] tokens =
        [
            ("a", -9, TokenType.Normal), ("b", -9, TokenType.Normal), ("c", -9, TokenType.Normal), ("ab", -1, TokenType.Normal),
            ("bc", 0.5f, TokenType.Normal), ("aa", -2, TokenType.Normal), ("\u2581", -9, TokenType.Normal),
        ];
        Dictionary<string, GgufValue> keys = Vocabularies.Pieces(tokens);
        keys["add_space_prefix"] = false;
        Tokenizer tokenizer = Vocabularies.Create(keys);
        Texts(tokenizer, "abc").Should().Equal("a", "bc");
        Texts(tokenizer, "aab").Should().Equal("a", "ab");
        Texts(tokenizer, "aaa").Should().Equal("aa", "a");
        Texts(tokenizer, " a  b").Should().Equal("\u2581", "a", "\u2581", "\u2581", "b");

        keys["remove_extra_whitespaces"] = true;
        Texts(Vocabularies.Create(keys), " a  b ").Should().Equal("a", "\u2581", "b");
        keys["add_space_prefix"] = true;
        Texts(Vocabularies.Create(keys), " a  b ").Should().Equal("\u2581", "a", "\u2581", "b");
    }

    [Fact]
    public void SentencePiece_text_after_a_special_token_gets_a_space_again()
    {
        Tokenizer tokenizer = Vocabularies.Create(Vocabularies.Pieces(
            ("\u2581", -1, TokenType.Normal), ("a", -1, TokenType.Normal), ("<x>", 0, TokenType.UserDefined)));
        tokenizer.Encode("a<x>a</s>a", parseSpecial: true).Should().Equal(1, 3, 4, 5, 3, 4, 2, 3, 4);
    }

    [Fact]
    public void SentencePiece_names_its_special_tokens_by_default()
    {
        Tokenizer tokenizer = Vocabularies.Create(Vocabularies.Pieces());
        (tokenizer.UnknownToken, tokenizer.BosToken, tokenizer.EosToken, tokenizer.AddBos, tokenizer.AddEos).Should().Be((0, 1, 2, true, false));
    }

    [Fact]
    public void Finds_tokens_of_every_type_by_their_text()
    {
        Tokenizer tokenizer = Vocabularies.Create(ChatKeys());
        tokenizer.TryGetTokenId("<|im_end|>", out int id).Should().BeTrue();
        tokenizer.GetTokenType(id).Should().Be(TokenType.Control);
        tokenizer.TryGetTokenId("no such token", out _).Should().BeFalse();
        tokenizer.GetTokenText(Id(tokenizer, "abc")).Should().Be("abc");
    }

    private static int Id(Tokenizer tokenizer, string text) =>
        tokenizer.TryGetTokenId(text, out int id) ? id : throw new KeyNotFoundException(text);

    private static IEnumerable<string> Texts(Tokenizer tokenizer, string text) =>
        tokenizer.Encode(text, addSpecial: false).Select(tokenizer.GetTokenText);
}
