namespace Moe.Inference.Tokenization;

/// <summary>The expression of OpenAI's cl100k_base as Llama 3, Qwen 2 and others have taken it over.</summary>
internal static class Llama3Patterns
{
    private static readonly CharSet Head = !(CharSet.Newlines | CharSet.Letters | CharSet.Numbers);
    private static readonly CharSet Others = !(CharSet.Whitespace | CharSet.Letters | CharSet.Numbers);

    /// <summary>
    /// <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c>, or
    /// with <c>\p{N}</c>.
    /// </summary>
    public static Rule[] Words(int digits) => Build(CharSet.Letters, digits, Rules.Word(CharSet.Space, Others, CharSet.Newlines));

    /// <summary>As with one digit, but <c>[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+</c> and <c> ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*</c>.</summary>
    public static Rule[] WordsWithMarks() =>
        Build(CharSet.Letters | CharSet.Marks, 1, Rules.Word(CharSet.Space, Others - CharSet.Marks, CharSet.Newlines));

    /// <summary>As with one digit, but <c> ?[^\s\p{L}\p{N}\r\n]+</c>.</summary>
    public static Rule[] WordsWithBareSymbols() => Build(CharSet.Letters, 1, Rules.Word(CharSet.Space, Others));

    private static Rule[] Build(CharSet letters, int digits, Rule symbols) =>
    [
        Rules.ContractionInAnyCase,
        Rules.Word(Head, letters),
        Rules.Run(CharSet.Numbers, digits),
        symbols,
        Rules.Newlines,
        Rules.WhitespaceBeforeLast,
        Rules.Whitespace,
    ];
}
