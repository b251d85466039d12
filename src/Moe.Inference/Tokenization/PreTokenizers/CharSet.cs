using System.Globalization;
using System.Text;

namespace Moe.Inference.Tokenization;

/// <summary>
/// A set of characters, as a class in a regular expression. Answers for the Basic Multilingual Plane come from a table of bits; surrogate
/// pairs count as the one character that they are, and surrogates without a partner as U+FFFD.
/// </summary>
internal sealed class CharSet
{
    private readonly ulong[] _bits = new ulong[0x10000 / 64];
    private readonly Func<Rune, bool> _contains;

    private CharSet(Func<Rune, bool> contains)
    {
        _contains = contains;
        for (int c = 0; c < 0x10000; c++)
        {
            if (contains(Rune.TryCreate((char)c, out Rune rune) ? rune : Rune.ReplacementChar))
                _bits[c / 64] |= 1UL << (c % 64);
        }
    }

    /// <summary><c>\p{L}</c></summary>
    public static CharSet Letters { get; } = Of(
        UnicodeCategory.UppercaseLetter, UnicodeCategory.LowercaseLetter, UnicodeCategory.TitlecaseLetter,
        UnicodeCategory.ModifierLetter, UnicodeCategory.OtherLetter);

    /// <summary><c>\p{M}</c></summary>
    public static CharSet Marks { get; } = Of(
        UnicodeCategory.NonSpacingMark, UnicodeCategory.SpacingCombiningMark, UnicodeCategory.EnclosingMark);

    /// <summary><c>\p{N}</c></summary>
    public static CharSet Numbers { get; } = Of(
        UnicodeCategory.DecimalDigitNumber, UnicodeCategory.LetterNumber, UnicodeCategory.OtherNumber);

    /// <summary><c>\p{P}</c></summary>
    public static CharSet Punctuation { get; } = Of(
        UnicodeCategory.ConnectorPunctuation, UnicodeCategory.DashPunctuation, UnicodeCategory.OpenPunctuation,
        UnicodeCategory.ClosePunctuation, UnicodeCategory.InitialQuotePunctuation, UnicodeCategory.FinalQuotePunctuation,
        UnicodeCategory.OtherPunctuation);

    /// <summary><c>\p{S}</c></summary>
    public static CharSet Symbols { get; } = Of(
        UnicodeCategory.MathSymbol, UnicodeCategory.CurrencySymbol, UnicodeCategory.ModifierSymbol, UnicodeCategory.OtherSymbol);

    /// <summary><c>\s</c>: the property White_Space of Unicode, U+0085 included.</summary>
    public static CharSet Whitespace { get; } = new(Rune.IsWhiteSpace);

    /// <summary><c>[\r\n]</c></summary>
    public static CharSet Newlines { get; } = Of("\r\n");

    /// <summary>One space.</summary>
    public static CharSet Space { get; } = Of(" ");

    /// <summary>The characters of some general categories.</summary>
    public static CharSet Of(params ReadOnlySpan<UnicodeCategory> categories)
    {
        uint wanted = 0;
        foreach (UnicodeCategory category in categories)
            wanted |= 1u << (int)category;
        return new CharSet(rune => (wanted >> (int)Rune.GetUnicodeCategory(rune) & 1) != 0);
    }

    /// <summary>The characters of a text.</summary>
    public static CharSet Of(string characters) => new(rune => characters.AsSpan().Contains(rune.ToString(), StringComparison.Ordinal));

    /// <summary>The characters of ranges in ascending order, both ends included.</summary>
    public static CharSet Of(params (int First, int Last)[] ranges) => new(rune =>
    {
        foreach ((int first, int last) in ranges)
        {
            if (rune.Value <= last)
                return rune.Value >= first;
        }
        return false;
    });

    /// <summary>The characters in either set.</summary>
    public static CharSet operator |(CharSet left, CharSet right) => new(rune => left.Contains(rune) || right.Contains(rune));

    /// <summary>The characters that are not in the set.</summary>
    public static CharSet operator !(CharSet set) => new(rune => !set.Contains(rune));

    /// <summary>The characters of the left set that are not in the right one.</summary>
    public static CharSet operator -(CharSet left, CharSet right) => new(rune => left.Contains(rune) && !right.Contains(rune));

    /// <summary>Whether a character of the set is at <paramref name="at"/>; <paramref name="length"/> is 1 or, for a pair, 2.</summary>
    public bool Matches(ReadOnlySpan<char> text, int at, out int length)
    {
        length = 1;
        if ((uint)at >= (uint)text.Length)
            return false;
        char c = text[at];
        if (char.IsHighSurrogate(c) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]))
        {
            length = 2;
            return _contains(new Rune(c, text[at + 1]));
        }
        return Has(c);
    }

    /// <summary>Where the run of characters of the set that starts at <paramref name="at"/> ends, or where the limit is reached.</summary>
    public int EndOfRun(ReadOnlySpan<char> text, int at, int limit = int.MaxValue)
    {
        for (; limit > 0 && Matches(text, at, out int length); limit--)
            at += length;
        return at;
    }

    private bool Has(char c) => (_bits[c / 64] >> (c % 64) & 1) != 0;

    private bool Contains(Rune rune) => rune.IsBmp ? Has((char)rune.Value) : _contains(rune);
}
