using System.Text;

namespace Moe.Inference.Tokenization;

/// <summary>Where a token was found in a text.</summary>
internal readonly record struct TokenMatch(int Start, int Length, int Id);

/// <summary>A text with the ranges in which control tokens may be recognized.</summary>
internal readonly ref struct TrustedText
{
    private readonly IReadOnlyList<(int Start, int End)> _trusted;

    private TrustedText(ReadOnlySpan<char> text, IReadOnlyList<(int Start, int End)> trusted)
    {
        Text = text;
        _trusted = trusted;
    }

    /// <summary>The characters.</summary>
    public ReadOnlySpan<char> Text { get; }

    /// <summary>A text in which control tokens are recognized everywhere.</summary>
    public static TrustedText All(ReadOnlySpan<char> text) => new(text, [(0, text.Length)]);

    /// <summary>A text in which control tokens are recognized nowhere.</summary>
    public static TrustedText None(ReadOnlySpan<char> text) => new(text, []);

    /// <summary>Parts put together; neighbours of equal trust become one range.</summary>
    public static TrustedText Join(IEnumerable<TextPart> parts)
    {
        StringBuilder text = new();
        List<(int Start, int End)> trusted = [];
        foreach ((string part, bool parseSpecial) in parts)
        {
            int start = text.Length;
            text.Append(part);
            if (!parseSpecial)
                continue;
            if (trusted.Count > 0 && trusted[^1].End == start)
                trusted[^1] = (trusted[^1].Start, text.Length);
            else
                trusted.Add((start, text.Length));
        }

        return new TrustedText(text.ToString(), trusted);
    }

    /// <summary>The next token that is matched in the text as it is: the leftmost, and of those at one place the longest.</summary>
    /// <param name="from">Where to begin.</param>
    /// <param name="everywhere">Tokens recognized anywhere.</param>
    /// <param name="inTrusted">Tokens recognized wholly inside a trusted range.</param>
    /// <param name="match">The match.</param>
    public bool FindNext(int from, AddedTokenMatcher? everywhere, AddedTokenMatcher? inTrusted, out TokenMatch match)
    {
        bool found = TryFind(everywhere, from, Text.Length, out match);
        foreach ((int start, int end) in _trusted)
        {
            if (found && start > match.Start)
                break;
            if (end <= from || !TryFind(inTrusted, Math.Max(start, from), end, out TokenMatch special))
                continue;
            if (!found || special.Start < match.Start || (special.Start == match.Start && special.Length > match.Length))
                match = special;
            return true;
        }

        return found;
    }

    private bool TryFind(AddedTokenMatcher? matcher, int start, int end, out TokenMatch match)
    {
        match = default;
        if (matcher is null)
            return false;
        int at = matcher.Find(Text[start..end], out int length, out int id);
        match = new TokenMatch(start + at, length, id);
        return at >= 0;
    }
}
