using System.Globalization;

namespace Moe.Inference.Tokenization;

/// <summary>The expression of OpenAI's o200k_base, which cuts words where a capital follows a small letter, and its relatives.</summary>
internal static class CasePatterns
{
    private static readonly CharSet Head = !(CharSet.Newlines | CharSet.Letters | CharSet.Numbers);
    private static readonly CharSet Others = !(CharSet.Whitespace | CharSet.Letters | CharSet.Numbers);
    private static readonly CharSet Caseless = CharSet.Marks | CharSet.Of(UnicodeCategory.ModifierLetter, UnicodeCategory.OtherLetter);
    private static readonly CharSet Upper = Caseless | CharSet.Of(UnicodeCategory.UppercaseLetter, UnicodeCategory.TitlecaseLetter);
    private static readonly CharSet Lower = Caseless | CharSet.Of(UnicodeCategory.LowercaseLetter);

    /// <summary>
    /// <c>[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
    /// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
    /// \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>; Mistral's Tekken has single digits and no contractions.
    /// </summary>
    public static Rule[] Words(int digits, bool contractions)
    {
        Rule? suffix = contractions ? Rules.ContractionInAnyCase : null;
        return
        [
            Rules.LowercaseWord(Head, Upper, Lower, suffix),
            Rules.UppercaseWord(Head, Upper, Lower, suffix),
            .. Rest(digits, CharSet.Of("\r\n/")),
        ];
    }

    /// <summary>
    /// Kimi K2: <c>[\p{Han}]+</c> comes first, the letters of the words exclude <c>\p{Han}</c>, and symbols end with <c>[\r\n]*</c>.
    /// </summary>
    public static Rule[] WordsAndHan()
    {
        CharSet han = HanScript.Characters;
        Rule suffix = Rules.ContractionInAnyCase;
        return
        [
            Rules.Run(han),
            Rules.LowercaseWord(Head, Upper - han, Lower - han, suffix),
            Rules.UppercaseWord(Head, Upper - han, Lower - han, suffix),
            .. Rest(3, CharSet.Newlines),
        ];
    }

    private static Rule[] Rest(int digits, CharSet tail) =>
    [
        Rules.Run(CharSet.Numbers, digits),
        Rules.Word(CharSet.Space, Others, tail),
        Rules.Newlines,
        Rules.WhitespaceBeforeLast,
        Rules.Whitespace,
    ];
}
