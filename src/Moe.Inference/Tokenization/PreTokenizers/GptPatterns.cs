namespace Moe.Inference.Tokenization;

/// <summary>The expression of OpenAI's GPT-2 encoder, and those built on it.</summary>
internal static class GptPatterns
{
    private static readonly CharSet Others = !(CharSet.Whitespace | CharSet.Letters | CharSet.Numbers);

    /// <summary><c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c></summary>
    public static Rule[] Gpt2 { get; } =
    [
        Rules.Contraction,
        Rules.Word(CharSet.Space, CharSet.Letters),
        Rules.Word(CharSet.Space, CharSet.Numbers),
        Rules.Word(CharSet.Space, Others),
        Rules.WhitespaceBeforeLast,
        Rules.Whitespace,
    ];

    /// <summary><c>\p{N}</c></summary>
    public static Rule[] SingleDigits { get; } = [Rules.Run(CharSet.Numbers, 1)];

    /// <summary>
    /// Falcon: <c>[\p{P}$+&lt;=&gt;^~|`]+</c>, then <see cref="Gpt2"/>, then <c>[0-9][0-9][0-9]</c>.
    /// </summary>
    public static Rule[][] Falcon() => [[Rules.Run(CharSet.Punctuation | CharSet.Of("$+<=>^~|`"))], Gpt2, [ThreeDigits]];

    /// <summary>
    /// What llama.cpp takes where a file names no pre-tokenizer: <c>[\p{P}$+&lt;=&gt;^~|]+</c>, then <see cref="Gpt2"/>, then
    /// <c>\p{N}+</c>, then <c>[0-9][0-9][0-9]</c>.
    /// </summary>
    public static Rule[][] Default() =>
        [[Rules.Run(CharSet.Punctuation | CharSet.Of("$+<=>^~|"))], Gpt2, [Rules.Run(CharSet.Numbers)], [ThreeDigits]];

    private static int ThreeDigits(ReadOnlySpan<char> text, int at) =>
        text.Length - at >= 3 && text.Slice(at, 3).IndexOfAnyExceptInRange('0', '9') < 0 ? at + 3 : -1;
}
