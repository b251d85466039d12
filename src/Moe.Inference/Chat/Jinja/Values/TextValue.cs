using System.Buffers;
using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja;

/// <summary>
/// Python's str, with the provenance of every character: trusted text comes from the template (and may hold control tokens),
/// the rest from the conversation.
/// </summary>
/// <remarks>Provenance is a list of the positions at which it changes; most texts have none.</remarks>
internal sealed class TextValue : Value
{
    private static readonly SearchValues<char> Surrogates = SearchValues.Create([.. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

    private readonly int[] _flips;
    private readonly bool _startsTrusted;
    private int _count = -1;

    public TextValue(string text, bool trusted, bool markup = false)
        : this(text, trusted, [], markup)
    {
    }

    public TextValue(string text, bool startsTrusted, int[] flips, bool markup)
    {
        Text = text;
        _startsTrusted = startsTrusted;
        _flips = flips;
        IsMarkup = markup;
    }

    public static TextValue Empty { get; } = new("", true);

    public string Text { get; }

    /// <summary>Whether the <c>safe</c> or <c>escape</c> filter made it, so that text joined to it is HTML-escaped (markupsafe's Markup).</summary>
    public bool IsMarkup { get; }

    /// <summary>Whether no character comes from the conversation.</summary>
    public bool IsTrusted => Text.Length == 0 || (_startsTrusted && _flips.Length == 0);

    public override string TypeName => IsMarkup ? "Markup" : "str";

    public override bool IsTrue => Text.Length > 0;

    /// <summary>Number of Unicode code points, as Python counts.</summary>
    public override int? Count => _count >= 0 ? _count : _count = CountCodePoints();

    /// <summary>Whether some code point takes two UTF-16 units, so that positions in the two counts differ.</summary>
    public bool HasSurrogates => Count != Text.Length;

    public override IEnumerable<Value> Iterate()
    {
        for (int at = 0; at < Text.Length;)
        {
            int width = Width(at);
            yield return Part(at, width).WithMarkup(false);
            at += width;
        }
    }

    public override Value? Attribute(string name) => TextMethods.Table.Bind(this, name);

    public override Value? Item(Value key)
    {
        if (Numbers.Index(key) is not { } index)
            return null;
        int count = Count!.Value;
        if (index < 0)
            index += count;
        if (index < 0 || index >= count)
            return null;
        int at = Offset(index);
        return Part(at, Width(at));
    }

    /// <summary>The UTF-16 position of a code point.</summary>
    public int Offset(int codePoint)
    {
        if (!HasSurrogates)
            return codePoint;
        int at = 0;
        for (; codePoint > 0; codePoint--)
            at += Width(at);
        return at;
    }

    /// <summary>The number of code points before a UTF-16 position.</summary>
    public int CodePointsBefore(int offset)
    {
        if (!HasSurrogates)
            return offset;
        int count = 0;
        for (int at = 0; at < offset; at += Width(at))
            count++;
        return count;
    }

    /// <summary>A part of the text, in UTF-16 units, with its provenance.</summary>
    public TextValue Part(int start, int length)
    {
        if (start == 0 && length == Text.Length)
            return this;
        int before = FlipsUpTo(start);
        int inside = before;
        while (inside < _flips.Length && _flips[inside] < start + length)
            inside++;
        int[] flips = [.. _flips.AsSpan(before, inside - before)];
        for (int i = 0; i < flips.Length; i++)
            flips[i] -= start;
        return new TextValue(Text.Substring(start, length), _startsTrusted ^ (before % 2 == 1), flips, IsMarkup);
    }

    /// <summary>The runs of equal provenance, in order; none for an empty text.</summary>
    public IEnumerable<(int Start, int Length, bool Trusted)> Runs()
    {
        int start = 0;
        bool trusted = _startsTrusted;
        foreach (int flip in _flips)
        {
            yield return (start, flip - start, trusted);
            start = flip;
            trusted = !trusted;
        }
        if (start < Text.Length)
            yield return (start, Text.Length - start, trusted);
    }

    /// <summary>The same characters as Markup, or no longer as Markup.</summary>
    public TextValue WithMarkup(bool markup) => markup == IsMarkup ? this : new TextValue(Text, _startsTrusted, _flips, markup);

    public override string Describe() => IsMarkup ? "markupsafe.Markup object" : "str object";

    private int Width(int at) =>
        char.IsHighSurrogate(Text[at]) && at + 1 < Text.Length && char.IsLowSurrogate(Text[at + 1]) ? 2 : 1;

    private int CountCodePoints()
    {
        if (Text.AsSpan().IndexOfAny(Surrogates) < 0)
            return Text.Length;
        int count = 0;
        for (int at = 0; at < Text.Length; at += Width(at))
            count++;
        return count;
    }

    // Number of flips at or before a position: their parity gives the provenance there.
    private int FlipsUpTo(int position)
    {
        int found = Array.BinarySearch(_flips, position);
        return found >= 0 ? found + 1 : ~found;
    }
}
