using System.Globalization;
using System.Text;

namespace Moe.Inference.Tokenization;

/// <summary>
/// SentencePiece BPE (Kudo and Richardson 2018): the text starts as its characters, with U+2581 for spaces, and neighbours whose text
/// together is a piece are joined, the highest score first. Characters that are no piece become their UTF-8 bytes.
/// </summary>
internal sealed class SentencePieceEncoder : ITextEncoder
{
    private const char Space = '\u2581';
    private readonly TokenTable _tokens;
    private readonly float[] _scores;
    private readonly int _longest;
    private readonly int?[] _byteIds = new int?[256];
    private readonly int? _unknown;
    private readonly bool _removeExtraWhitespace;

    public SentencePieceEncoder(Vocabulary vocabulary)
    {
        _tokens = new TokenTable(vocabulary, ToBytes);
        _scores = vocabulary.Scores;
        _longest = vocabulary.Tokens.Max(token => token.Length);
        _unknown = vocabulary.UnknownPiece;
        _removeExtraWhitespace = vocabulary.RemoveExtraWhitespace;
        AddsSpacePrefix = vocabulary.AddSpacePrefix ?? true;
        for (int value = 0; value < 256; value++)
        {
            if (_tokens.TryGetId($"<0x{value:X2}>", out int id) && _tokens.Type(id) == TokenType.Byte)
                _byteIds[value] = id;
        }
        for (int id = 0; id < _tokens.Count; id++)
        {
            string text = _tokens.Text(id);
            if (_tokens.Type(id) == TokenType.Byte && !TryParseByte(text, out _))
                throw vocabulary.Invalid(VocabularyReader.TokensKey, $"has token {id}, '{text}', of type byte, but bytes are written <0xNN>");
        }
    }

    public TokenTable Tokens => _tokens;

    public bool AddsBos => true;

    public bool AddsSpacePrefix { get; }

    public byte[] ToBytes(string token, TokenType type) =>
        type == TokenType.Byte && TryParseByte(token, out byte value) ? [value] : Encoding.UTF8.GetBytes(token.Replace(Space, ' '));

    public void Encode(ReadOnlySpan<char> text, EncoderScratch scratch, List<int> ids)
    {
        Span<char> chars = scratch.Chars(text.Length + 1);
        chars = chars[..Escape(text, AddsSpacePrefix, chars)];

        SymbolMerger merger = scratch.Merger;
        merger.Clear();
        for (int at = 0; at < chars.Length;)
        {
            int length = char.IsHighSurrogate(chars[at]) ? 2 : 1;
            merger.Add(new Symbol(at, length, _tokens.TryGetPiece(chars.Slice(at, length), out int id) ? id : -1));
            at += length;
        }
        merger.Merge(new Rule(this, chars));

        foreach (Symbol symbol in merger.Symbols)
        {
            if (symbol.Length == 0)
                continue;
            if (symbol.Id >= 0)
                ids.Add(symbol.Id);
            else
                AddBytes(chars.Slice(symbol.Start, symbol.Length), ids);
        }
    }

    /// <summary>Copies the text with U+2581 for spaces and U+FFFD for lone surrogates; returns the length.</summary>
    private int Escape(ReadOnlySpan<char> text, bool addPrefix, Span<char> chars)
    {
        if (_removeExtraWhitespace)
            text = text.Trim(' ');
        int count = 0;
        if (addPrefix)
            chars[count++] = Space;
        for (int at = 0; at < text.Length; at++)
        {
            char c = text[at];
            if (c == ' ')
            {
                if (!_removeExtraWhitespace || text[at - 1] != ' ')
                    chars[count++] = Space;
            }
            else if (!char.IsSurrogate(c))
            {
                chars[count++] = c;
            }
            else if (char.IsHighSurrogate(c) && at + 1 < text.Length && char.IsLowSurrogate(text[at + 1]))
            {
                chars[count++] = c;
                chars[count++] = text[++at];
            }
            else
            {
                chars[count++] = (char)Rune.ReplacementChar.Value;
            }
        }
        return count;
    }

    private void AddBytes(ReadOnlySpan<char> character, List<int> ids)
    {
        Span<byte> bytes = stackalloc byte[4];
        bytes = bytes[..Encoding.UTF8.GetBytes(character, bytes)];
        int first = ids.Count;
        foreach (byte value in bytes)
        {
            if (_byteIds[value] is int id)
            {
                ids.Add(id);
                continue;
            }
            // One unknown token stands for the whole character.
            ids.RemoveRange(first, ids.Count - first);
            if (_unknown is int unknown)
                ids.Add(unknown);
            return;
        }
    }

    private static bool TryParseByte(string token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    private readonly ref struct Rule(SentencePieceEncoder encoder, ReadOnlySpan<char> chars) : IMergeRule
    {
        private readonly ReadOnlySpan<char> _chars = chars;

        public bool TryMerge(in Symbol left, in Symbol right, out int id, out uint rank)
        {
            rank = 0;
            id = -1;
            int length = left.Length + right.Length;
            if (length > encoder._longest || !encoder._tokens.TryGetPiece(_chars.Slice(left.Start, length), out id))
                return false;
            rank = RankOf(encoder._scores[id]);
            return true;
        }

        /// <summary>Maps scores to integers in the opposite order: the highest score has the lowest rank.</summary>
        private static uint RankOf(float score)
        {
            // +0 makes one zero of two; flipping the bits of positive numbers, and the sign of negative ones, orders floats as integers.
            uint bits = BitConverter.SingleToUInt32Bits(score + 0f);
            return (bits & 0x8000_0000) == 0 ? ~(bits | 0x8000_0000) : bits;
        }
    }
}
