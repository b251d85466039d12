using System.Text;
using CsCheck;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Tests.Tokenization;

public class DecodingTests
{
    [SkippableTheory]
    [InlineData("qwen3")]
    [InlineData("gpt-2")]
    [InlineData("deepseek-llm")]
    [InlineData("starcoder")]
    [InlineData("llama-spm")]
    public void Text_survives_encoding_and_decoding(string name)
    {
        Tokenizer tokenizer = Vocabularies.Shared(name);
        Gen.Int.Sample(seed =>
        {
            Random random = new(seed);
            string text = RandomText.Unicode(random, random.Next(0, 60));
            // StarCoder's vocabulary lacks the byte 0xF1, with which the characters of planes 4 to 7, all unassigned, begin.
            if (name == "starcoder")
                text = string.Concat(text.EnumerateRunes().Where(rune => rune.Plane is < 4 or > 7));
            tokenizer.Decode(tokenizer.Encode(text)).Should().Be(text, $"seed {seed}");
            tokenizer.CountTokens(text).Should().Be(tokenizer.Encode(text).Length);
        }, iter: 500);
    }

    [SkippableTheory]
    [InlineData("qwen3", false)]
    [InlineData("qwen3", true)]
    [InlineData("llama-spm", false)]
    [InlineData("llama-spm", true)]
    public void A_stream_of_random_tokens_gives_the_text_of_the_whole(string name, bool renderSpecial)
    {
        Tokenizer tokenizer = Vocabularies.Shared(name);
        int[] partial =
        [
            .. Enumerable.Range(0, tokenizer.VocabularySize)
                .Where(id => tokenizer.GetTokenBytes(id).IndexOfAnyExceptInRange((byte)0x80, (byte)0xFF) < 0),
        ];
        Gen.Int.Sample(seed =>
        {
            Random random = new(seed);
            int[] ids = new int[random.Next(0, 40)];
            for (int i = 0; i < ids.Length; i++)
                ids[i] = random.Next(3) == 0 ? random.Next(tokenizer.VocabularySize) : partial[random.Next(partial.Length)];
            TokenDecoder decoder = new(tokenizer, renderSpecial);
            for (int round = 0; round < 2; round++)
            {
                string streamed = string.Concat(ids.Select(decoder.Append)) + decoder.Flush();
                streamed.Should().Be(tokenizer.Decode(ids, renderSpecial), $"seed {seed}, round {round}");
            }
        }, iter: 1500);
    }

    [SkippableFact]
    public void A_stream_gives_a_character_when_its_last_byte_is_there()
    {
        Tokenizer tokenizer = Vocabularies.Shared("llama-spm");
        int[] bytes = [.. Encoding.UTF8.GetBytes("\U0001F600").Select(value => value + 3)];
        TokenDecoder decoder = new(tokenizer);
        bytes.Select(decoder.Append).Should().Equal("", "", "", "\U0001F600");
        bytes[..2].Select(decoder.Append).Should().Equal("", "");
        decoder.Flush().Should().Be("\uFFFD");
        decoder.Flush().Should().BeEmpty();
        decoder.Append(bytes[0]);
        decoder.Reset();
        decoder.Append(tokenizer.Encode("a", addSpecial: false)[0]).Should().Be("a");
    }

    [SkippableFact]
    public void The_space_in_front_of_SentencePiece_text_is_taken_away_once()
    {
        Tokenizer tokenizer = Vocabularies.Shared("llama-spm");
        int[] ids = tokenizer.Encode("Hello world");
        ids[0].Should().Be(1);
        tokenizer.GetTokenText(ids[1]).Should().Be("\u2581Hello");
        tokenizer.GetTokenBytes(ids[1]).ToArray().Should().Equal(" Hello"u8.ToArray());
        tokenizer.Decode(ids).Should().Be("Hello world");
        tokenizer.Decode(ids, renderSpecial: true).Should().Be("<s> Hello world");
        tokenizer.Decode(tokenizer.Encode("  two")).Should().Be("  two");
        new TokenDecoder(tokenizer, continuesText: true).Append(ids[1]).Should().Be(" Hello");
        new TokenDecoder(tokenizer).Append(ids[1]).Should().Be("Hello");
    }

    [SkippableFact]
    public void Surrogates_without_a_partner_count_as_the_replacement_character()
    {
        foreach (string name in new[] { "qwen3", "llama-spm" })
        {
            Tokenizer tokenizer = Vocabularies.Shared(name);
            foreach (string text in new[] { "a\uD800b", "\uDC00", "x\uD83D", "\uD83D\uD83D\uDE00" })
            {
                string clean = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
                tokenizer.Encode(text).Should().Equal(tokenizer.Encode(clean));
                tokenizer.Decode(tokenizer.Encode(text)).Should().Be(clean);
            }
        }
    }

    [SkippableFact]
    public void Ids_outside_the_vocabulary_are_errors()
    {
        Tokenizer tokenizer = Vocabularies.Shared("gpt-2");
        foreach (int id in new[] { -1, tokenizer.VocabularySize, int.MaxValue, int.MinValue })
        {
            FluentActions.Invoking(() => tokenizer.Decode([1, id])).Should().Throw<ArgumentOutOfRangeException>();
            FluentActions.Invoking(() => tokenizer.GetTokenText(id)).Should().Throw<ArgumentOutOfRangeException>();
            FluentActions.Invoking(() => tokenizer.GetTokenType(id)).Should().Throw<ArgumentOutOfRangeException>();
            FluentActions.Invoking(() => tokenizer.GetTokenBytes(id).Length).Should().Throw<ArgumentOutOfRangeException>();
            FluentActions.Invoking(() => new TokenDecoder(tokenizer).Append(id)).Should().Throw<ArgumentOutOfRangeException>();
            tokenizer.IsEndOfGeneration(id).Should().BeFalse();
        }
    }

    [SkippableFact]
    public void Many_threads_may_share_a_tokenizer()
    {
        Tokenizer tokenizer = Vocabularies.Shared("qwen3");
        string[] texts = [.. Enumerable.Range(0, 64).Select(seed => RandomText.Unicode(new Random(seed), 50))];
        int[][] expected = Array.ConvertAll(texts, text => tokenizer.Encode(text));
        Parallel.For(0, 256, i => tokenizer.Encode(texts[i % 64]).Should().Equal(expected[i % 64]));
    }
}
