using System.Globalization;
using System.Text;

namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>Python's <c>str</c> and <c>repr</c>.</summary>
internal static class Printer
{
    public static TextValue Text(RenderState state, Value value) =>
        value as TextValue ?? new TextBuilder(state).Append(value).ToText();

    /// <summary>Writes a value; what the interpreter adds itself (brackets, digits, quotes) counts as the template's.</summary>
    /// <param name="state">The render to charge.</param>
    /// <param name="output">Where to write.</param>
    /// <param name="value">The value.</param>
    /// <param name="quoted">Whether texts are written as literals (<c>repr</c>).</param>
    public static void Write(RenderState state, TextBuilder output, Value value, bool quoted)
    {
        int outer = state.Enter(state.Line);
        switch (value)
        {
            case TextValue text when quoted:
                WriteQuoted(output, text);
                break;
            case TextValue text:
                output.Append(text);
                break;
            case NoneValue:
                output.Append("None", true);
                break;
            case BoolValue:
                output.Append(value.IsTrue ? "True" : "False", true);
                break;
            case IntValue number:
                output.Append(number.Number.ToString(CultureInfo.InvariantCulture), true);
                break;
            case FloatValue number:
                output.Append(FloatText.Repr(number.Number), true);
                break;
            case UndefinedValue:
                output.Append(quoted ? "Undefined" : "", true);
                break;
            case DictValue dict:
                WriteDict(state, output, dict);
                break;
            case RangeValue range:
                string step = range.Step == 1 ? "" : $", {range.Step}";
                output.Append($"range({range.Start}, {range.Start + ((long)range.Step * range.Count!.Value)}{step})", true);
                break;
            case SequenceValue sequence:
                WriteSequence(state, output, sequence);
                break;
            default:
                output.Append($"<{value.TypeName}>", true);
                break;
        }
        state.Leave(outer);
    }

    private static void WriteSequence(RenderState state, TextBuilder output, SequenceValue sequence)
    {
        (string open, string close) = sequence switch
        {
            ListValue => ("[", "]"),
            TupleValue => ("(", sequence.Items.Count == 1 ? ",)" : ")"),
            _ => ($"{sequence.TypeName}([", "])"),
        };
        output.Append(open, true);
        for (int i = 0; i < sequence.Items.Count; i++)
        {
            if (i > 0)
                output.Append(", ", true);
            Write(state, output, sequence.Items[i], quoted: true);
        }
        output.Append(close, true);
    }

    private static void WriteDict(RenderState state, TextBuilder output, DictValue dict)
    {
        output.Append("{", true);
        string separator = "";
        foreach ((Value key, Value value) in dict.Entries)
        {
            output.Append(separator, true);
            Write(state, output, key, quoted: true);
            output.Append(": ", true);
            Write(state, output, value, quoted: true);
            separator = ", ";
        }
        output.Append("}", true);
    }

    private static void WriteQuoted(TextBuilder output, TextValue text)
    {
        char quote = text.Text.Contains('\'') && !text.Text.Contains('"') ? '"' : '\'';
        if (text.IsMarkup)
            output.Append("Markup(", true);
        output.Append([quote], true);
        foreach ((int start, int length, bool trusted) in text.Runs())
            output.Append(Escape(text.Text.AsSpan(start, length), quote), trusted);
        output.Append([quote], true);
        if (text.IsMarkup)
            output.Append(")", true);
    }

    private static string Escape(ReadOnlySpan<char> text, char quote)
    {
        var escaped = new StringBuilder(text.Length);
        while (!text.IsEmpty)
        {
            bool whole = Rune.DecodeFromUtf16(text, out Rune rune, out int width) == System.Buffers.OperationStatus.Done;
            int code = whole ? rune.Value : text[0];
            if (code == quote || code == '\\')
                escaped.Append('\\').Append((char)code);
            else if (code == '\n')
                escaped.Append("\\n");
            else if (code == '\r')
                escaped.Append("\\r");
            else if (code == '\t')
                escaped.Append("\\t");
            else if (whole && IsPrintable(rune))
                escaped.Append(text[..width]);
            else if (code < 0x100)
                escaped.Append(CultureInfo.InvariantCulture, $"\\x{code:x2}");
            else if (code < 0x10000)
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{code:x4}");
            else
                escaped.Append(CultureInfo.InvariantCulture, $"\\U{code:x8}");
            text = text[width..];
        }
        return escaped.ToString();
    }

    private static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.SpaceSeparator);
}
