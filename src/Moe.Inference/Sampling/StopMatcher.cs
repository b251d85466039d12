namespace Moe.Inference.Sampling;

/// <summary>
/// Cuts streamed text off at the first stop string, which may begin in one piece and end in another. Text that may turn out to belong to a
/// stop string is held back until it is decided. The result is that of searching the whole text at once: of several stop strings the one
/// that begins earliest counts, and of those that begin together the longest. Comparison is ordinal.
/// </summary>
internal sealed class StopMatcher
{
    private readonly string[] _stops;
    private string _held = "";

    /// <summary>Creates a matcher for one generation.</summary>
    /// <exception cref="ArgumentException">A stop string is null or empty.</exception>
    public StopMatcher(IEnumerable<string> stopStrings)
    {
        ArgumentNullException.ThrowIfNull(stopStrings);
        _stops = [.. stopStrings];
        foreach (string stop in _stops)
            ArgumentException.ThrowIfNullOrEmpty(stop, nameof(stopStrings));
    }

    /// <summary>The stop string that was found, or null. Once there is one, no more text comes.</summary>
    public string? Match { get; private set; }

    /// <summary>Takes the next piece of text and returns what is now certain to come before any stop string; it may be empty.</summary>
    public string Append(string piece) => Match is null ? Advance(_held + piece, isEnd: false) : "";

    /// <summary>
    /// Ends the text and returns what was held back. <see cref="Match"/> may still appear: a stop string that might have become a longer
    /// one.
    /// </summary>
    public string Flush() => Match is null ? Advance(_held, isEnd: true) : "";

    private string Advance(string text, bool isEnd)
    {
        for (int start = 0; start < text.Length; start++)
        {
            string? found = LongestAt(text.AsSpan(start));
            bool isOpen = !isEnd && MayGrow(text.AsSpan(start));
            if (found is null && !isOpen)
                continue;
            Match = isOpen ? null : found;
            _held = isOpen ? text[start..] : "";
            return text[..start];
        }
        _held = "";
        return text;
    }

    /// <summary>The longest stop string that the text begins with.</summary>
    private string? LongestAt(ReadOnlySpan<char> text)
    {
        string? longest = null;
        foreach (string stop in _stops)
        {
            if (stop.Length > (longest?.Length ?? 0) && text.StartsWith(stop))
                longest = stop;
        }
        return longest;
    }

    /// <summary>Whether the whole text is the beginning of a longer stop string.</summary>
    private bool MayGrow(ReadOnlySpan<char> text)
    {
        foreach (string stop in _stops)
        {
            if (stop.Length > text.Length && stop.AsSpan().StartsWith(text))
                return true;
        }
        return false;
    }
}
