using System.Text;

namespace Moe.Inference.Tokenization;

/// <summary>
/// The alphabet in which byte-level BPE vocabularies are written: each byte is one printable character. Printable Latin-1 bytes stand for
/// themselves, the other 68 are numbered from U+0100 (<c>bytes_to_unicode</c> of OpenAI's GPT-2 encoder).
/// </summary>
internal static class ByteAlphabet
{
    private const int Limit = 0x100 + 68;
    private static readonly char[] Chars = new char[256];
    private static readonly short[] Bytes = new short[Limit];

    static ByteAlphabet()
    {
        Array.Fill(Bytes, (short)-1);
        int next = 0x100;
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            char c = printable ? (char)value : (char)next++;
            Chars[value] = c;
            Bytes[c] = (short)value;
        }
    }

    /// <summary>The character that stands for a byte.</summary>
    public static char ToChar(byte value) => Chars[value];

    /// <summary>Writes the characters of <paramref name="bytes"/> to <paramref name="chars"/>, which has the same length.</summary>
    public static void ToChars(ReadOnlySpan<byte> bytes, Span<char> chars)
    {
        for (int i = 0; i < bytes.Length; i++)
            chars[i] = Chars[bytes[i]];
    }

    /// <summary>
    /// The bytes that a vocabulary entry stands for. One with a character outside the alphabet is plain text, and stands for its UTF-8.
    /// </summary>
    public static byte[] ToBytes(string text)
    {
        byte[] bytes = new byte[text.Length];
        for (int i = 0; i < text.Length; i++)
        {
            int value = text[i] < Limit ? Bytes[text[i]] : -1;
            if (value < 0)
                return Encoding.UTF8.GetBytes(text);
            bytes[i] = (byte)value;
        }
        return bytes;
    }
}
