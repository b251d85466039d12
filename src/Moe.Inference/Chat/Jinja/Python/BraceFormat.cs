using System.Globalization;

namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>Python's <c>str.format</c> with fields by position or name; of format specifications, those of <see cref="PercentFormat"/>.</summary>
internal static class BraceFormat
{
    public static TextValue Apply(RenderState state, TextValue format, Arguments arguments)
    {
        var output = new TextBuilder(state);
        string text = format.Text;
        int next = 0;
        int at = 0;
        for (int brace; (brace = text.AsSpan(at).IndexOfAny('{', '}')) >= 0;)
        {
            output.Append(format, at, brace);
            at += brace;
            if (at + 1 < text.Length && text[at + 1] == text[at])
            {
                output.Append(format, at, 1);
                at += 2;
                continue;
            }
            int close = text.IndexOf('}', at);
            if (text[at] == '}' || close < 0)
                throw new ChatTemplateException($"Single '{text[at]}' encountered in format string");
            string field = text[(at + 1)..close];
            int colon = field.IndexOf(':', StringComparison.Ordinal);
            string name = colon < 0 ? field : field[..colon];
            Value value = name.Length == 0 ? ByPosition(arguments, next++)
                : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? ByPosition(arguments, index)
                : arguments.Find(name) ?? throw new ChatTemplateException($"'{name}'");
            output.Append(colon < 0 ? value : Specified(state, value, field[(colon + 1)..]));
            at = close + 1;
        }
        return output.Append(format, at, text.Length - at).ToText(format.IsMarkup);
    }

    private static Value ByPosition(Arguments arguments, int index) => index < arguments.Positional.Count ? arguments.Positional[index]
        : throw new ChatTemplateException($"Replacement index {index} out of range for positional args tuple");

    // The common part of both mini-languages: [0][width][.precision][d|f|s|x|X], numbers to the right and texts to the left.
    private static TextValue Specified(RenderState state, Value value, string specification)
    {
        char last = specification.Length > 0 ? specification[^1] : 's';
        (string layout, char conversion) = char.IsAsciiLetter(last) ? (specification[..^1], last)
            : (specification, value is IntValue or BoolValue ? 'd' : 's');
        if (layout.Any(c => !char.IsAsciiDigit(c) && c != '.') || conversion is not ('d' or 'f' or 's' or 'x' or 'X'))
            throw new ChatTemplateException($"the format specification '{specification}' is not supported");
        string whole = (conversion == 's' ? "%-" : "%") + layout + conversion;
        return PercentFormat.Apply(state, new TextValue(whole, true), [value], null);
    }
}
