using System.Globalization;
using System.Numerics;
using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja.Library;

/// <summary>Jinja's filters on numbers.</summary>
internal static class NumberFilters
{
    public static Value ToInt(Value value, Value missing, Value? radix)
    {
        int numberBase = radix is null ? 10 : Numbers.RequireIndex(radix);
        switch (value)
        {
            case TextValue text:
                string digits = text.Text.Trim().Replace("_", "", StringComparison.Ordinal);
                if (Parse(digits, numberBase) is { } parsed)
                    return new IntValue(parsed);
                return ParseReal(digits) is { } number && double.IsFinite(number) ? new IntValue(new BigInteger(number)) : missing;
            case FloatValue real:
                return double.IsFinite(real.Number) ? new IntValue(new BigInteger(real.Number)) : missing;
            case UndefinedValue undefined:
                throw undefined.Error();
            default:
                return Numbers.Integer(value) is { } integer ? new IntValue(integer) : missing;
        }
    }

    public static Value ToFloat(Value value, Value missing) => value switch
    {
        TextValue text => ParseReal(text.Text.Trim().Replace("_", "", StringComparison.Ordinal)) is { } real ? new FloatValue(real) : missing,
        UndefinedValue undefined => throw undefined.Error(),
        _ => Numbers.Real(value) is { } number ? new FloatValue(number) : missing,
    };

    public static Value Abs(Value value) => value is FloatValue real
        ? new FloatValue(Math.Abs(real.Number))
        : new IntValue(BigInteger.Abs(Numbers.Integer(value) ?? throw NoNumber(value, "abs()")));

    public static Value Round(Value value, Value? precision, Value? method)
    {
        int places = precision is null ? 0 : Numbers.RequireIndex(precision);
        string how = method is null ? "common" : TextMethods.Argument(method).Text;
        if (how is not ("common" or "ceil" or "floor"))
            throw new ChatTemplateException("method must be common, ceil or floor");
        double real = Numbers.Real(value) ?? throw NoNumber(value, "round");
        if (how == "common")
        {
            return Numbers.Integer(value) is { } integer
                ? new IntValue(RoundInteger(integer, places)) : new FloatValue(FloatText.Round(real, places));
        }
        double scale = Math.Pow(10, places);
        double scaled = how == "ceil" ? Math.Ceiling(real * scale) : Math.Floor(real * scale);
        return double.IsFinite(scaled) ? new FloatValue(scaled / scale) : throw new ChatTemplateException("cannot round an infinite number");
    }

    private static BigInteger RoundInteger(BigInteger integer, int places)
    {
        if (places >= 0)
            return integer;
        if (places < -Limits.IntegerBits)
            return BigInteger.Zero;
        BigInteger unit = BigInteger.Pow(10, -places);
        return FloatText.HalfToEven(integer, unit) * unit;
    }

    private static BigInteger? Parse(string text, int numberBase)
    {
        bool negative = text.StartsWith('-');
        string digits = negative || text.StartsWith('+') ? text[1..] : text;
        string prefix = numberBase switch { 16 => "0x", 8 => "0o", 2 => "0b", _ => "" };
        if (prefix.Length > 0 && digits.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
            digits = digits[2..];
        if (digits.Length is 0 or > 4300 || numberBase is < 2 or > 36)
            return null;
        BigInteger value = BigInteger.Zero;
        foreach (char c in digits)
        {
            int digit = char.IsAsciiDigit(c) ? c - '0' : char.IsAsciiLetter(c) ? (c | 0x20) - 'a' + 10 : int.MaxValue;
            if (digit >= numberBase)
                return null;
            value = (value * numberBase) + digit;
        }
        return negative ? -value : value;
    }

    private static double? ParseReal(string text) => text.TrimStart('+', '-').ToLowerInvariant() switch
    {
        "inf" or "infinity" => text.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity,
        "nan" => double.NaN,
        _ => double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
            CultureInfo.InvariantCulture, out double real) ? real : null,
    };

    private static ChatTemplateException NoNumber(Value value, string function) => Operators.Undefined(value, value)
        ?? new ChatTemplateException($"bad operand type for {function}: '{value.TypeName}'");
}
