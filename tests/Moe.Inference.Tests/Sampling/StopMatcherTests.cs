using Moe.Inference.Sampling;

namespace Moe.Inference.Tests.Sampling;

public class StopMatcherTests
{
    [Fact]
    public void Random_splits_give_what_a_search_of_the_whole_text_gives()
    {
        for (int seed = 0; seed < 20_000; seed++)
        {
            Random random = new(seed);
            string[] stops = Enumerable.Range(0, random.Next(0, 5)).Select(_ => Letters(random, 1, 6)).ToArray();
            string text = Letters(random, 0, 40);
            (string expected, string? stop) = Search(text, stops);

            StopMatcher matcher = new(stops);
            string emitted = "";
            for (int at = 0; at < text.Length;)
            {
                int length = random.Next(0, Math.Min(6, text.Length - at) + 1);
                emitted += matcher.Append(text.Substring(at, length));
                at += length;
                Assert.True(expected.StartsWith(emitted, StringComparison.Ordinal), $"seed {seed}: '{emitted}' emitted of '{expected}'");
            }
            emitted += matcher.Flush();
            bool same = expected == emitted && stop == matcher.Match;
            Assert.True(same, $"seed {seed}: '{emitted}' and '{matcher.Match}', not '{expected}' and '{stop}'");
        }
    }

    [Fact]
    public void Text_that_cannot_begin_a_stop_string_is_emitted_at_once()
    {
        StopMatcher matcher = new(["</end>"]);
        matcher.Append("a < b").Should().Be("a < b");
        matcher.Append("x</e").Should().Be("x");
        matcher.Append("nd").Should().BeEmpty();
        matcher.Append("!").Should().Be("</end!");
        matcher.Append("y</en").Should().Be("y");
        matcher.Append("d>z").Should().BeEmpty();
        matcher.Match.Should().Be("</end>");
        matcher.Append("more").Should().BeEmpty();
        matcher.Flush().Should().BeEmpty();
    }

    [Fact]
    public void A_match_waits_while_a_longer_one_is_possible()
    {
        StopMatcher matcher = new(["ab", "abcd"]);
        matcher.Append("xab").Should().Be("x");
        matcher.Match.Should().BeNull();
        matcher.Append("ce").Should().BeEmpty();
        matcher.Match.Should().Be("ab");

        matcher = new(["ab", "abcd"]);
        matcher.Append("ab").Should().BeEmpty();
        matcher.Flush().Should().BeEmpty();
        matcher.Match.Should().Be("ab");
    }

    [Fact]
    public void Comparison_is_ordinal()
    {
        StopMatcher matcher = new(["é"]);
        matcher.Append("e\u0301E\u0301É").Should().Be("e\u0301E\u0301É");
        matcher.Match.Should().BeNull();
    }

    [Fact]
    public void Without_stop_strings_all_text_passes()
    {
        StopMatcher matcher = new([]);
        matcher.Append("abc").Should().Be("abc");
        matcher.Flush().Should().BeEmpty();
    }

    [Fact]
    public void Empty_stop_strings_are_refused()
    {
        ((Action)(() => new StopMatcher(["a", ""]))).Should().Throw<ArgumentException>();
        ((Action)(() => new StopMatcher([null!]))).Should().Throw<ArgumentException>();
    }

    private static (string Before, string? Stop) Search(string text, string[] stops)
    {
        var hit = stops.Select(stop => (At: text.IndexOf(stop, StringComparison.Ordinal), Stop: stop)).Where(m => m.At >= 0)
            .OrderBy(m => m.At).ThenByDescending(m => m.Stop.Length).FirstOrDefault((At: -1, Stop: ""));
        return hit.At < 0 ? (text, null) : (text[..hit.At], hit.Stop);
    }

    private static string Letters(Random random, int least, int most) =>
        new(Enumerable.Range(0, random.Next(least, most + 1)).Select(_ => "aab"[random.Next(3)]).ToArray());
}
