using CsCheck;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Tests.Tokenization;

public class PreTokenizerTests
{
    public static TheoryData<string> Names => [.. PublishedPatterns.ByName.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Cuts_as_the_published_expressions_do(string name)
    {
        PreTokenizer preTokenizer = PreTokenizers.Find(name);
        Gen.Int.Sample(seed =>
        {
            Random random = new(seed);
            string text = RandomText.Bmp(random, random.Next(1, 40));
            Split(preTokenizer, text).Should().Equal(PublishedPatterns.Split(PublishedPatterns.ByName[name], text), $"seed {seed}, '{text}'");
        }, iter: 1500);
    }

    [Fact]
    public void Every_name_has_a_published_expression_behind_it()
    {
        HashSet<PreTokenizer> tested = [.. PublishedPatterns.ByName.Keys.Select(PreTokenizers.Find)];
        PreTokenizers.Names.Should().OnlyContain(name => tested.Contains(PreTokenizers.Find(name)));
    }

    // Each character beyond the Basic Multilingual Plane, and one within it of the same category that no expression names.
    private static readonly (string Pair, string Single)[] Twins =
    [
        ("\U00010400", "\u0411"), ("\U00010428", "\u0431"), ("\U00010450", "\u01BB"), ("\U0001D7CE", "\u0663"), ("\U00010140", "\u00B2"),
        ("\U0001E8D0", "\u0301"), ("\U0001F600", "\u00A9"), ("\U00010100", "\u00A7"), ("\U0001D6C1", "\u00AC"), ("\U0010FFFD", "\uE000"),
    ];

    [Theory]
    [MemberData(nameof(Names))]
    public void Treats_surrogate_pairs_as_the_characters_that_they_are(string name)
    {
        PreTokenizer preTokenizer = PreTokenizers.Find(name);
        Gen.Int.Sample(seed =>
        {
            Random random = new(seed);
            string text = string.Concat(Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(2) == 0
                ? Twins[random.Next(Twins.Length)].Pair
                : RandomText.Bmp(random, 1)));
            List<string> expected = Split(preTokenizer, Twins.Aggregate(text, (s, twin) => s.Replace(twin.Pair, twin.Single, StringComparison.Ordinal)));
            List<string> found = Split(preTokenizer, text);
            found.ConvertAll(word => Twins.Aggregate(word, (s, twin) => s.Replace(twin.Pair, twin.Single, StringComparison.Ordinal)))
                .Should().Equal(expected, $"seed {seed}, '{text}'");
        }, iter: 400);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Treats_a_lone_surrogate_as_the_replacement_character(string name)
    {
        PreTokenizer preTokenizer = PreTokenizers.Find(name);
        foreach (string text in new[] { "a\uD800b", "\uDC00 x", "1\uDC00\uD800", " \uD83D!", "\uD800" })
        {
            string replaced = text.Replace('\uD800', '\uFFFD').Replace('\uDC00', '\uFFFD').Replace('\uD83D', '\uFFFD');
            Split(preTokenizer, text).ConvertAll(word => word.Length).Should().Equal(Split(preTokenizer, replaced).ConvertAll(word => word.Length));
        }
    }

    [Theory]
    [InlineData("Hello world", "Hello| world")]
    [InlineData("I'm sure THEY'LL, he'd", "I|'m| sure| THEY|'LL|,| he|'d")]
    [InlineData("'tis a'lL", "'t|is| a|'lL")]
    [InlineData("1234567 33", "123|456|7| |33")]
    [InlineData("a  b   c", "a| | b|  | c")]
    [InlineData("a \n\n b", "a| \n\n| b")]
    [InlineData("a\n  b", "a|\n| | b")]
    [InlineData("end  ", "end|  ")]
    [InlineData("x = {\n\ty;\n}\n", "x| =| {\n|\ty|;\n|}\n")]
    [InlineData("(foo) #bar _baz", "(foo|)| #|bar| _|baz")]
    [InlineData("\u4F60\u597D\uFF0C1+1", "\u4F60\u597D|\uFF0C|1|+|1")]
    [InlineData("caf\u00E9\u3000tea\u00A0", "caf\u00E9|\u3000tea|\u00A0")]
    [InlineData("\U0001F600 \U0001F600\U00020000x", "\U0001F600| \U0001F600|\U00020000x")]
    [InlineData("", "")]
    public void Llama3_cuts(string text, string words) =>
        string.Join('|', Split(PreTokenizers.Find("llama-bpe"), text)).Should().Be(words);

    [Theory]
    [InlineData("gpt-4o", "theHTTPServer's 1234/\n", "the|HTTPServer's| |123|4|/\n")]
    [InlineData("tekken", "theHTTPServer's 12", "the|HTTPServer|'s| |1|2")]
    [InlineData("starcoder", "a12 b 3", "a|1|2| b| |3")]
    [InlineData("deepseek-v3", "x.foo 1234 \u6F22\u5B57\u304B\u306A", "x|.foo| |123|4| |\u6F22\u5B57\u304B\u306A")]
    [InlineData("kimi-k2", "ab\u6F22\u5B57cd", "ab|\u6F22\u5B57|cd")]
    public void Other_families_cut(string name, string text, string words) =>
        string.Join('|', Split(PreTokenizers.Find(name), text)).Should().Be(words);

    [Fact]
    public void An_unknown_name_is_an_error_that_lists_the_known_ones() =>
        FluentActions.Invoking(() => PreTokenizers.Find("nonsense")).Should().Throw<UnsupportedModelException>()
            .WithMessage("*'nonsense'*deepseek-llm*gpt-2*llama-bpe*qwen2*starcoder*");

    private static List<string> Split(PreTokenizer preTokenizer, string text)
    {
        List<int> ends = [];
        preTokenizer.Split(text, ends);
        List<string> words = [];
        int start = 0;
        foreach (int end in ends)
        {
            words.Add(text[start..end]);
            start = end;
        }
        start.Should().Be(text.Length);
        return words;
    }
}
