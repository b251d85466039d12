using System.Globalization;
using System.Text;
using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja.Library;

/// <summary>Python's <c>json.dumps</c>, which is what Hugging Face's <c>tojson</c> filter is: no HTML escaping, characters as they are.</summary>
internal static class JsonText
{
    /// <summary>The arguments of <c>json.dumps</c>.</summary>
    internal sealed record Options(TextValue? Indent, bool AsciiOnly, TextValue ItemSeparator, TextValue KeySeparator, bool SortKeys)
    {
        private static readonly TextValue CommaBlank = new(", ", true);
        private static readonly TextValue Comma = new(",", true);
        private static readonly TextValue Colon = new(": ", true);

        public static Options Default { get; } = new(null, false, CommaBlank, Colon, false);

        /// <summary>From the filter's arguments: indent, ensure_ascii, separators, sort_keys.</summary>
        public static Options From(RenderState state, Value?[] a)
        {
            TextValue? indent = a[0] switch
            {
                null or NoneValue => null,
                TextValue text => text,
                Value width => TextFor(state, Math.Max(0, Numbers.RequireIndex(width))),
            };
            (TextValue item, TextValue key) = (indent is null ? CommaBlank : Comma, Colon);
            if (a[2] is SequenceValue { Count: 2 } pair)
                (item, key) = (TextMethods.Argument(pair.Items[0]), TextMethods.Argument(pair.Items[1]));
            else if (a[2] is not (null or NoneValue))
                throw new ChatTemplateException("separators must be a pair of texts");
            return new Options(indent, a[1]?.IsTrue ?? false, item, key, a[3]?.IsTrue ?? false);
        }

        private static TextValue TextFor(RenderState state, int blanks)
        {
            Limits.CheckLength(blanks);
            return new TextValue(new string(' ', blanks), true);
        }
    }

    public static TextValue Write(RenderState state, Value value, Options options)
    {
        var output = new TextBuilder(state);
        Write(state, output, value, options, 0);
        return output.ToText();
    }

    private static void Write(RenderState state, TextBuilder output, Value value, Options options, int depth)
    {
        int outer = state.Enter(state.Line);
        switch (value)
        {
            case TextValue text:
                WriteText(output, text, options);
                break;
            case DictValue dict:
                IEnumerable<KeyValuePair<Value, Value>> entries = options.SortKeys ? Sorted(state, dict) : dict.Entries;
                WriteAll(output, entries, "{", "}", options, depth, entry =>
                {
                    WriteKey(state, output, entry.Key, options);
                    output.Append(options.KeySeparator);
                    Write(state, output, entry.Value, options, depth + 1);
                });
                break;
            case ListValue or TupleValue:
                WriteAll(output, ((SequenceValue)value).Items, "[", "]", options, depth,
                    item => Write(state, output, item, options, depth + 1));
                break;
            default:
                output.Append(Scalar(value) ?? throw (value is UndefinedValue
                    ? new ChatTemplateException("Object of type Undefined is not JSON serializable")
                    : new ChatTemplateException($"Object of type {value.TypeName} is not JSON serializable")), true);
                break;
        }
        state.Leave(outer);
    }

    private static void WriteAll<T>(
        TextBuilder output, IEnumerable<T> items, string open, string close, Options options, int depth, Action<T> write)
    {
        output.Append(open, true);
        bool any = false;
        foreach (T item in items)
        {
            if (any)
                output.Append(options.ItemSeparator);
            any = true;
            NewLine(output, options, depth + 1);
            write(item);
        }
        if (any)
            NewLine(output, options, depth);
        output.Append(close, true);
    }

    private static void NewLine(TextBuilder output, Options options, int depth)
    {
        if (options.Indent is null)
            return;
        output.Append("\n", true);
        for (int i = 0; i < depth; i++)
            output.Append(options.Indent);
    }

    private static void WriteKey(RenderState state, TextBuilder output, Value key, Options options)
    {
        if (key is TextValue text)
            WriteText(output, text, options);
        else if (Scalar(key) is { } scalar)
            output.Append($"\"{scalar}\"", true);
        else
            throw new ChatTemplateException($"keys must be str, int, float, bool or None, not {key.TypeName}");
    }

    private static string? Scalar(Value value) => value switch
    {
        NoneValue => "null",
        BoolValue => value.IsTrue ? "true" : "false",
        IntValue integer => integer.Number.ToString(CultureInfo.InvariantCulture),
        FloatValue real when double.IsNaN(real.Number) => "NaN",
        FloatValue real when double.IsInfinity(real.Number) => real.Number > 0 ? "Infinity" : "-Infinity",
        FloatValue real => FloatText.Repr(real.Number),
        _ => null,
    };

    private static void WriteText(TextBuilder output, TextValue text, Options options)
    {
        output.Append("\"", true);
        foreach ((int start, int length, bool trusted) in text.Runs())
            output.Append(Escape(text.Text.AsSpan(start, length), options.AsciiOnly), trusted);
        output.Append("\"", true);
    }

    private static string Escape(ReadOnlySpan<char> text, bool asciiOnly)
    {
        var escaped = new StringBuilder(text.Length + 2);
        foreach (char c in text)
        {
            int at = "\"\\\n\r\t\b\f".IndexOf(c, StringComparison.Ordinal);
            if (at >= 0)
                escaped.Append('\\').Append("\"\\nrtbf"[at]);
            else if (c < ' ' || (asciiOnly && c > '~'))
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                escaped.Append(c);
        }
        return escaped.ToString();
    }

    private static IEnumerable<KeyValuePair<Value, Value>> Sorted(RenderState state, DictValue dict) =>
        Sorting.Sort(state, [.. dict.Keys], key => [key], reverse: false).Select(key => KeyValuePair.Create(key, dict.Item(key)!));
}
