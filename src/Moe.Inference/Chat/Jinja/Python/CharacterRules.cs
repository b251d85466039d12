using System.Text;

namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>Python's rules for blanks, line ends and letter case.</summary>
internal static class CharacterRules
{
    /// <summary>Python's <c>isspace</c>; it counts the four information separators, which .NET does not.</summary>
    public static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\x1c' and <= '\x1f';

    /// <summary>Whether <c>splitlines</c> ends a line here.</summary>
    public static bool IsLineEnd(char c) => c is '\n' or '\r' or '\v' or '\f' or '\x1c' or '\x1d' or '\x1e' or '\x85' or '\u2028' or '\u2029';

    public static string Upper(string text) => text.ToUpperInvariant().Replace("ß", "SS", StringComparison.Ordinal);

    public static string Lower(string text) => text.ToLowerInvariant();

    /// <summary>First character upper case, the rest lower.</summary>
    public static string Capitalize(string text)
    {
        int width = text.Length > 1 && char.IsSurrogatePair(text, 0) ? 2 : Math.Min(text.Length, 1);
        return Titled(text[..width]) + Lower(text[width..]);
    }

    /// <summary>Python's <c>str.title</c>: a letter after a letter is lower case, any other upper.</summary>
    public static string Title(string text)
    {
        var titled = new StringBuilder(text.Length);
        bool inWord = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            titled.Append(inWord ? Lower(rune.ToString()) : Titled(rune.ToString()));
            inWord = IsCased(rune);
        }
        return titled.ToString();
    }

    public static bool IsCased(Rune rune) => Rune.IsLower(rune) || Rune.IsUpper(rune)
        || Rune.GetUnicodeCategory(rune) == System.Globalization.UnicodeCategory.TitlecaseLetter;

    /// <summary>Python's <c>isupper</c> or <c>islower</c>: some character has case, and none has the other.</summary>
    public static bool IsAll(string text, bool upper)
    {
        bool some = false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (upper ? Rune.IsLower(rune) : Rune.IsUpper(rune))
                return false;
            some |= IsCased(rune);
        }
        return some;
    }

    private static string Titled(string character) => character == "ß" ? "Ss" : Upper(character);
}
