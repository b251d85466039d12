using System.Globalization;
using System.Text;
using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja.Syntax;

/// <summary>Numbers and texts as a template writes them.</summary>
internal static class Literals
{
    public static bool IsAllSpace(this ReadOnlySpan<char> text)
    {
        foreach (char c in text)
        {
            if (!CharacterRules.IsSpace(c))
                return false;
        }
        return true;
    }

    /// <summary>The kind of the number at a position, and where it ends.</summary>
    public static (TokenKind Kind, int End) Number(string source, int start)
    {
        if (source[start] == '0' && start + 1 < source.Length && char.ToLowerInvariant(source[start + 1]) is 'x' or 'o' or 'b')
        {
            char kind = char.ToLowerInvariant(source[start + 1]);
            int last = start + 2;
            while (last < source.Length && (source[last] == '_' || IsDigit(source[last], kind)))
                last++;
            if (last > start + 2)
                return (TokenKind.Integer, last);
        }
        int end = Digits(source, start);
        // "a.0.1" is two subscripts, not a fraction.
        if (start > 0 && source[start - 1] == '.')
            return (TokenKind.Integer, end);
        int whole = end;
        if (end + 1 < source.Length && source[end] == '.' && char.IsAsciiDigit(source[end + 1]))
            end = Digits(source, end + 1);
        if (end < source.Length && source[end] is 'e' or 'E')
        {
            int digit = end + 1;
            if (digit < source.Length && source[digit] is '+' or '-')
                digit++;
            if (digit < source.Length && char.IsAsciiDigit(source[digit]))
                end = Digits(source, digit);
        }
        return (end > whole ? TokenKind.Float : TokenKind.Integer, end);
    }

    /// <summary>The position behind a text's closing quote, or -1 if there is none.</summary>
    public static int EndOfText(string source, int start)
    {
        for (int at = start + 1; at < source.Length; at++)
        {
            if (source[at] == source[start])
                return at + 1;
            if (source[at] == '\\')
                at++;
        }
        return -1;
    }

    /// <summary>Decodes Python's escapes; one it does not know stays as it is. Null if one is cut short.</summary>
    public static string? Unescape(ReadOnlySpan<char> text)
    {
        if (!text.Contains('\\'))
            return text.ToString();
        var decoded = new StringBuilder(text.Length);
        for (int at = 0; at < text.Length; at++)
        {
            if (text[at] != '\\')
            {
                decoded.Append(text[at]);
                continue;
            }
            if (++at == text.Length)
                return null;
            char code = text[at];
            int width = code switch { 'x' => 2, 'u' => 4, 'U' => 8, _ => 0 };
            if (width > 0)
            {
                if (at + width >= text.Length || !AppendCodePoint(decoded, text.Slice(at + 1, width)))
                    return null;
                at += width;
            }
            else if (code is >= '0' and <= '7')
            {
                int value = 0;
                int end = Math.Min(at + 3, text.Length);
                for (; at < end && text[at] is >= '0' and <= '7'; at++)
                    value = (value * 8) + (text[at] - '0');
                at--;
                decoded.Append((char)value);
            }
            else if (code != '\n')
            {
                AppendSimple(decoded, code);
            }
        }
        return decoded.ToString();
    }

    private static void AppendSimple(StringBuilder decoded, char code)
    {
        int at = "nrtabfv\\'\"".IndexOf(code, StringComparison.Ordinal);
        if (at < 0)
            decoded.Append('\\').Append(code);
        else
            decoded.Append("\n\r\t\a\b\f\v\\'\""[at]);
    }

    private static bool AppendCodePoint(StringBuilder decoded, ReadOnlySpan<char> digits)
    {
        if (!int.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int code) || code is < 0 or > 0x10FFFF)
            return false;
        if (code < 0x10000)
            decoded.Append((char)code);
        else
            decoded.Append(char.ConvertFromUtf32(code));
        return true;
    }

    private static int Digits(string source, int at)
    {
        while (at < source.Length && (char.IsAsciiDigit(source[at])
            || (source[at] == '_' && at + 1 < source.Length && char.IsAsciiDigit(source[at + 1]))))
        {
            at++;
        }
        return at;
    }

    private static bool IsDigit(char c, char kind) =>
        kind == 'x' ? char.IsAsciiHexDigit(c) : kind == 'o' ? c is >= '0' and <= '7' : c is '0' or '1';
}
