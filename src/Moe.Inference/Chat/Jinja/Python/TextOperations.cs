namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>Python's operations on str that cut and join; every piece keeps its provenance.</summary>
internal static class TextOperations
{
    public static TextValue Strip(TextValue text, string? characters, bool start, bool end)
    {
        bool Drop(char c) => characters is null ? CharacterRules.IsSpace(c) : characters.Contains(c);
        int from = 0;
        int to = text.Text.Length;
        while (start && from < to && Drop(text.Text[from]))
            from++;
        while (end && to > from && Drop(text.Text[to - 1]))
            to--;
        return text.Part(from, to - from);
    }

    /// <summary>Python's <c>split</c> and <c>rsplit</c>; a negative limit is none.</summary>
    public static List<Value> Split(RenderState state, TextValue text, string? separator, int limit, bool fromEnd)
    {
        if (separator is "")
            throw new ChatTemplateException("empty separator");
        if (separator is null)
            return SplitBlanks(state, text, limit, fromEnd);
        List<(int Start, int End)> gaps = Occurrences(text.Text, separator, fromEnd);
        if (limit >= 0 && gaps.Count > limit)
            gaps = fromEnd ? gaps[^limit..] : gaps[..limit];
        state.Charge(gaps.Count * 3L);
        var parts = new List<Value>(gaps.Count + 1);
        int at = 0;
        foreach ((int start, int end) in gaps)
        {
            parts.Add(text.Part(at, start - at));
            at = end;
        }
        parts.Add(text.Part(at, text.Text.Length - at));
        return parts;
    }

    public static List<Value> SplitLines(RenderState state, TextValue text, bool keepEnds)
    {
        var lines = new List<Value>();
        string all = text.Text;
        for (int at = 0; at < all.Length;)
        {
            state.Charge(3);
            int end = at;
            while (end < all.Length && !CharacterRules.IsLineEnd(all[end]))
                end++;
            int next = end == all.Length ? end : all[end] == '\r' && end + 1 < all.Length && all[end + 1] == '\n' ? end + 2 : end + 1;
            lines.Add(text.Part(at, (keepEnds ? next : end) - at));
            at = next;
        }
        return lines;
    }

    /// <summary>Python's <c>replace</c>; an empty text to look for stands between all characters.</summary>
    public static TextValue Replace(RenderState state, TextValue text, TextValue old, TextValue with, int limit)
    {
        List<(int Start, int End)> found = old.IsTrue ? Occurrences(text.Text, old.Text, false) : Seams(text);
        if (limit >= 0 && found.Count > limit)
            found = found[..limit];
        if (found.Count == 0)
            return text;
        var replaced = new TextBuilder(state);
        state.Charge(found.Count);
        int at = 0;
        foreach ((int start, int end) in found)
        {
            replaced.Append(text, at, start - at).Append(text.IsMarkup ? Markup.Escape(state, with) : with);
            at = end;
        }
        return replaced.Append(text, at, text.Text.Length - at).ToText(text.IsMarkup);
    }

    public static TextValue Join(RenderState state, TextValue separator, IEnumerable<Value> items, bool convert)
    {
        var joined = new TextBuilder(state);
        bool first = true;
        int index = 0;
        foreach (Value item in items)
        {
            if (!first)
                joined.Append(separator);
            first = false;
            if (!convert && item is not TextValue)
                throw new ChatTemplateException($"sequence item {index}: expected str instance, {item.TypeName} found");
            if (separator.IsMarkup)
                joined.Append(Markup.Escape(state, Printer.Text(state, item)));
            else
                joined.Append(item);
            index++;
        }
        return joined.ToText(separator.IsMarkup);
    }

    /// <summary>Changes characters without regard to their neighbours, so that provenance stays.</summary>
    public static TextValue Map(RenderState state, TextValue text, Func<string, string> map)
    {
        var mapped = new TextBuilder(state);
        foreach ((int start, int length, bool trusted) in text.Runs())
            mapped.Append(map(text.Text.Substring(start, length)), trusted);
        return mapped.ToText(text.IsMarkup);
    }

    /// <summary>Changes a text as a whole; the result is the template's only if all of it was.</summary>
    public static TextValue MapWhole(RenderState state, TextValue text, Func<string, string> map) =>
        new TextBuilder(state).Append(map(text.Text), text.IsTrusted).ToText(text.IsMarkup);

    /// <summary>Python's <c>indent</c> filter: puts a text before every line but the first and the empty ones.</summary>
    public static TextValue Indent(RenderState state, TextValue text, TextValue indentation, bool first, bool blank)
    {
        // A last line end counts as the start of one more, empty line.
        List<Value> lines = SplitLines(state, new TextBuilder(state).Append(text).Append("\n", true).ToText(), false);
        var indented = new TextBuilder(state);
        for (int i = 0; i < lines.Count; i++)
        {
            if (i > 0)
                indented.Append("\n", true);
            if (i == 0 ? first : blank || lines[i].IsTrue)
                indented.Append(indentation);
            indented.Append(lines[i]);
        }
        return indented.ToText(text.IsMarkup);
    }

    private static List<(int Start, int End)> Occurrences(string text, string part, bool fromEnd)
    {
        var found = new List<(int, int)>();
        if (fromEnd)
        {
            for (int end = text.Length; text.AsSpan(0, end).LastIndexOf(part) is var at && at >= 0; end = at)
                found.Add((at, at + part.Length));
            found.Reverse();
            return found;
        }
        for (int at = 0; (at = text.IndexOf(part, at, StringComparison.Ordinal)) >= 0; at += part.Length)
            found.Add((at, at + part.Length));
        return found;
    }

    // Words between blanks; what is left when the limit is reached keeps the blanks at its far end.
    private static List<Value> SplitBlanks(RenderState state, TextValue text, int limit, bool fromEnd)
    {
        var words = new List<Value>();
        TextValue rest = Strip(text, null, !fromEnd, fromEnd);
        for (; rest.IsTrue; limit--)
        {
            state.Charge(3);
            string all = rest.Text;
            int word = 0;
            while (limit != 0 && word < all.Length && !CharacterRules.IsSpace(fromEnd ? all[^(word + 1)] : all[word]))
                word++;
            if (limit == 0)
                word = all.Length;
            words.Add(rest.Part(fromEnd ? all.Length - word : 0, word));
            state.ChargeText(all.Length);
            rest = Strip(rest.Part(fromEnd ? 0 : word, all.Length - word), null, !fromEnd, fromEnd);
        }
        if (fromEnd)
            words.Reverse();
        return words;
    }

    private static List<(int Start, int End)> Seams(TextValue text)
    {
        var found = new List<(int, int)>();
        for (int at = 0; at < text.Text.Length; at += char.IsSurrogatePair(text.Text, at) ? 2 : 1)
            found.Add((at, at));
        found.Add((text.Text.Length, text.Text.Length));
        return found;
    }
}
