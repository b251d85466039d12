using System.Globalization;
using System.Numerics;

namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>Python's <c>format % values</c> with the conversions s, r, d, i, u, f, x, X, o, c and %.</summary>
internal static class PercentFormat
{
    /// <summary>What <c>format % right</c> gives: a tuple holds several values, a dictionary names them.</summary>
    public static TextValue Apply(RenderState state, TextValue format, Value right)
    {
        // As in Python, a list or dictionary may stay unused, though it counts as one value.
        bool mayStay = right is ListValue or DictValue or RangeValue or UndefinedValue;
        return Apply(state, format, right is TupleValue tuple ? tuple.Items : [right], right as DictValue, mayStay);
    }

    public static TextValue Apply(RenderState state, TextValue format, IReadOnlyList<Value> values, DictValue? names, bool mayStay = false)
    {
        var output = new TextBuilder(state);
        string text = format.Text;
        int used = 0;
        int at = 0;
        for (int mark; (mark = text.IndexOf('%', at)) >= 0;)
        {
            output.Append(format, at, mark - at);
            at = mark + 1;
            Value? named = null;
            if (at < text.Length && text[at] == '(')
            {
                int close = text.IndexOf(')', at);
                if (names is null || close < 0)
                    throw new ChatTemplateException(names is null ? "format requires a mapping" : "incomplete format key");
                string key = text[(at + 1)..close];
                named = names.Item(new TextValue(key, true)) ?? throw new ChatTemplateException($"'{key}'");
                at = close + 1;
            }
            int start = at;
            while (at < text.Length && "-+ 0#123456789.".Contains(text[at]))
                at++;
            if (at == text.Length)
                throw new ChatTemplateException("incomplete format");
            string layout = text[start..at];
            char conversion = text[at++];
            if (conversion == '%')
            {
                output.Append("%", format.IsTrusted);
                continue;
            }
            Value value = named ?? (used < values.Count ? values[used++]
                : throw new ChatTemplateException("not enough arguments for format string"));
            output.Append(Pad(state, Convert(state, value, layout, conversion), layout, conversion));
        }
        if (used < values.Count && names is null && !mayStay)
            throw new ChatTemplateException("not all arguments converted during string formatting");
        return output.Append(format, at, text.Length - at).ToText();
    }

    private static TextValue Convert(RenderState state, Value value, string layout, char conversion)
    {
        int point = layout.IndexOf('.', StringComparison.Ordinal);
        int? precision = point < 0 ? null : Width(layout.AsSpan(point + 1));
        if (conversion is 's' or 'r' or 'a')
        {
            var written = new TextBuilder(state);
            Printer.Write(state, written, value, quoted: conversion != 's');
            TextValue whole = written.ToText();
            return precision is { } most && most < whole.Count ? whole.Part(0, whole.Offset(most)) : whole;
        }
        if (conversion == 'c' && value is TextValue)
            return (TextValue)value;
        if (conversion is 'f' or 'F' && Numbers.Real(value) is { } real)
            return Signed(double.IsNegative(real), Math.Abs(real).ToString("F" + Math.Min(precision ?? 6, 1000), CultureInfo.InvariantCulture), layout);
        BigInteger? integer = value is FloatValue f && double.IsFinite(f.Number) && conversion is 'd' or 'i' or 'u'
            ? new BigInteger(((FloatValue)value).Number) : Numbers.Integer(value);
        if (integer is not { } number)
            throw Operators.Undefined(value, value)
                ?? new ChatTemplateException($"%{conversion} format: a real number is required, not {value.TypeName}");
        BigInteger magnitude = BigInteger.Abs(number);
        return conversion switch
        {
            'd' or 'i' or 'u' => Signed(number.Sign < 0, magnitude.ToString(CultureInfo.InvariantCulture), layout),
            'x' => Signed(number.Sign < 0, Digits(magnitude.ToString("x", CultureInfo.InvariantCulture)), layout),
            'X' => Signed(number.Sign < 0, Digits(magnitude.ToString("X", CultureInfo.InvariantCulture)), layout),
            _ => throw new ChatTemplateException($"unsupported format character '{conversion}'"),
        };
    }

    // A hexadecimal BigInteger may begin with a zero that marks its sign.
    private static string Digits(string text) => text.TrimStart('0') is { Length: > 0 } digits ? digits : "0";

    private static TextValue Signed(bool negative, string digits, string layout)
    {
        string flags = layout[..FlagCount(layout)];
        return new TextValue((negative ? "-" : flags.Contains('+') ? "+" : flags.Contains(' ') ? " " : "") + digits, true);
    }

    private static TextValue Pad(RenderState state, TextValue text, string layout, char conversion)
    {
        string flags = layout[..FlagCount(layout)];
        int point = layout.IndexOf('.', StringComparison.Ordinal);
        int width = Width(layout.AsSpan(flags.Length, (point < 0 ? layout.Length : point) - flags.Length));
        int missing = Math.Max(0, width - text.Count!.Value);
        Limits.CheckLength(missing);
        bool zeros = flags.Contains('0') && !flags.Contains('-') && conversion is not ('s' or 'r' or 'a' or 'c');
        int sign = zeros && text.Text.Length > 0 && text.Text[0] is '-' or '+' or ' ' && zeros ? 1 : 0;
        string padding = new(zeros ? '0' : ' ', missing);
        var padded = new TextBuilder(state).Append(text, 0, sign);
        return flags.Contains('-')
            ? padded.Append(text, sign, text.Text.Length - sign).Append(padding, true).ToText()
            : padded.Append(padding, true).Append(text, sign, text.Text.Length - sign).ToText();
    }

    private static int FlagCount(string layout) => layout.Length - layout.TrimStart('-', '+', ' ', '0', '#').Length;

    private static int Width(ReadOnlySpan<char> digits) => digits.IsEmpty ? 0
        : int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int width) ? width
        : throw new ChatTemplateException("the width of a format is out of range");
}
