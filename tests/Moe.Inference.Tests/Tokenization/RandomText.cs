using System.Globalization;
using System.Text;

namespace Moe.Inference.Tests.Tokenization;

/// <summary>Random texts in which the characters that pre-tokenizers treat in their own way are common and stand beside each other.</summary>
internal static class RandomText
{
    private static readonly string[] Snippets =
    [
        " ", "  ", "   ", "\n", "\r\n", "\n\n", "\t", " \n ", "\u00A0", "\u3000", "\u2009", "\u0085", "'s", "'S", "'t", "'re", "'Re", "'VE", "'ll", "'lL",
        "'m", "'d", "'\u017F", "'", "''", "'r", "'l", "a", "bc", "Word", "McDonald", "ABC", "iPhone", "\u00E9t\u00E9", "e\u0301", "\u0301", "\u01C5",
        "\u02B0", "\u0434\u0430", "\u0414\u0410", "\u4F60\u597D", "\u3042\u30A2", "\u3007", "\uAC00", "\u0E01\u0E48", "\u1780\u17D2", "1", "12", "123",
        "12345", "\u0663", "\u00BD", "\u2163", "!", "...", "/", "//", "-", "--", "$", "+", "<=>", "^", "~", "|", "`", "_", "(", "\u201C", "\uFF01",
        "\u3002", "\u00A7", "\u20AC", "\u2705", "\uFE0F", "\u200D", "\u0001", "\u0000", "\uFFFD", "\uE000", "\u0378", "=", "#a", ".b", "\u2026",
    ];

    private static readonly string[] Supplementary =
        ["\U0001F600", "\U0001F999", "\U00010400", "\U0001D7CE", "\U00020000", "\U0001E8D0", "\U00010100", "\U0010FFFF", "\U0001F468\u200D\U0001F469"];

    /// <summary>Text of the Basic Multilingual Plane.</summary>
    public static string Bmp(Random random, int pieces)
    {
        StringBuilder text = new();
        for (int i = 0; i < pieces; i++)
            text.Append(random.Next(8) == 0 ? BmpCharacter(random) : Snippets[random.Next(Snippets.Length)]);
        return text.ToString();
    }

    /// <summary>Text of all planes.</summary>
    public static string Unicode(Random random, int pieces)
    {
        StringBuilder text = new();
        for (int i = 0; i < pieces; i++)
        {
            text.Append(random.Next(4) switch
            {
                0 => Supplementary[random.Next(Supplementary.Length)],
                1 => new Rune(random.Next(0x800, 0x110000 - 0x800) is var c && c is >= 0xD800 and < 0xE000 ? c + 0x800 : c).ToString(),
                _ => Bmp(random, 1),
            });
        }
        return text.ToString();
    }

    private static string BmpCharacter(Random random)
    {
        while (true)
        {
            char c = (char)random.Next(0x10000);
            if (!char.IsSurrogate(c) && (char.GetUnicodeCategory(c) != UnicodeCategory.OtherNotAssigned || random.Next(4) == 0))
                return c.ToString();
        }
    }
}
