namespace Moe.Inference.Tokenization;

/// <summary>One alternative of a pre-tokenizer's regular expression.</summary>
/// <param name="text">The text; it begins and ends where the expression may see.</param>
/// <param name="at">Where the match must begin.</param>
/// <returns>Where the match ends, or -1.</returns>
internal delegate int Rule(ReadOnlySpan<char> text, int at);

/// <summary>
/// The alternatives of which the published expressions are made. Each finds the very match that a backtracking engine would, without
/// going back over more than one character.
/// </summary>
internal static class Rules
{
    /// <summary><c>'s|'t|'re|'ve|'m|'ll|'d</c></summary>
    public static int Contraction(ReadOnlySpan<char> text, int at) => Contraction(text, at, static c => c);

    /// <summary><c>(?i:'s|'t|'re|'ve|'m|'ll|'d)</c>; the long s, U+017F, is a case of s.</summary>
    public static int ContractionInAnyCase(ReadOnlySpan<char> text, int at) =>
        Contraction(text, at, static c => c == '\u017F' ? 's' : char.IsAscii(c) ? char.ToLowerInvariant(c) : c);

    /// <summary><c>\s*[\r\n]+</c>: white space up to and with the last line break in it.</summary>
    public static int Newlines(ReadOnlySpan<char> text, int at)
    {
        int length = CharSet.Whitespace.EndOfRun(text, at) - at;
        int last = text.Slice(at, length).LastIndexOfAny('\r', '\n');
        return last < 0 ? -1 : at + last + 1;
    }

    /// <summary><c>\s+(?!\S)</c>: white space, save the last of it if text follows.</summary>
    public static int WhitespaceBeforeLast(ReadOnlySpan<char> text, int at)
    {
        int end = CharSet.Whitespace.EndOfRun(text, at);
        if (end < text.Length)
            end--;
        return end > at ? end : -1;
    }

    /// <summary><c>\s+$</c></summary>
    public static int WhitespaceAtEnd(ReadOnlySpan<char> text, int at) =>
        at < text.Length && CharSet.Whitespace.EndOfRun(text, at) == text.Length ? text.Length : -1;

    /// <summary><c>\s+</c></summary>
    public static Rule Whitespace { get; } = Run(CharSet.Whitespace);

    /// <summary><c>[set]{1,limit}</c></summary>
    public static Rule Run(CharSet set, int limit = int.MaxValue) => (text, at) =>
    {
        int end = set.EndOfRun(text, at, limit);
        return end > at ? end : -1;
    };

    /// <summary><c>[head]?[body]+[tail]*</c></summary>
    public static Rule Word(CharSet head, CharSet body, CharSet? tail = null) => (text, at) =>
    {
        int start = head.Matches(text, at, out int length) ? at + length : at;
        int end = body.EndOfRun(text, start);
        if (end == start)
        {
            // Give the head back: it may be of the body too.
            end = body.EndOfRun(text, at);
            if (end == at)
                return -1;
        }
        return tail is null ? end : tail.EndOfRun(text, end);
    };

    /// <summary><c>[head][body]+</c></summary>
    public static Rule HeadedWord(CharSet head, CharSet body) => (text, at) =>
    {
        if (!head.Matches(text, at, out int length))
            return -1;
        int end = body.EndOfRun(text, at + length);
        return end > at + length ? end : -1;
    };

    /// <summary><c>[head]?[upper]*[lower]+</c>, where the two sets share characters that have no case; then an optional suffix.</summary>
    public static Rule LowercaseWord(CharSet head, CharSet upper, CharSet lower, Rule? suffix) => (text, at) =>
    {
        int end = head.Matches(text, at, out int length) ? UpperThenLower(text, at + length, upper, lower) : -1;
        if (end < 0)
            end = UpperThenLower(text, at, upper, lower);
        return end < 0 ? -1 : WithSuffix(text, end, suffix);
    };

    /// <summary><c>[head]?[upper]+[lower]*</c>, then an optional suffix.</summary>
    public static Rule UppercaseWord(CharSet head, CharSet upper, CharSet lower, Rule? suffix)
    {
        Rule word = Word(head, upper, lower);
        return (text, at) =>
        {
            int end = word(text, at);
            return end < 0 ? -1 : WithSuffix(text, end, suffix);
        };
    }

    private static int WithSuffix(ReadOnlySpan<char> text, int at, Rule? suffix)
    {
        int end = suffix is null ? -1 : suffix(text, at);
        return end < 0 ? at : end;
    }

    // [upper]*[lower]+: if no lower character follows the run of upper ones, the match ends with the last of them that is lower as well.
    private static int UpperThenLower(ReadOnlySpan<char> text, int at, CharSet upper, CharSet lower)
    {
        int lastLower = -1;
        int length;
        for (; upper.Matches(text, at, out length); at += length)
        {
            if (lower.Matches(text, at, out _))
                lastLower = at + length;
        }
        int end = lower.EndOfRun(text, at);
        return end > at ? end : lastLower;
    }

    private static int Contraction(ReadOnlySpan<char> text, int at, Func<char, char> fold)
    {
        if (at + 1 >= text.Length || text[at] != '\'')
            return -1;
        char first = fold(text[at + 1]);
        if (first is 's' or 't' or 'm' or 'd')
            return at + 2;
        char second = at + 2 < text.Length ? fold(text[at + 2]) : '\0';
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? at + 3 : -1;
    }
}
