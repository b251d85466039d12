namespace Moe.Inference.Tokenization;

/// <summary>Turns text without added tokens into ids. Immutable; the memory it works in belongs to one caller at a time.</summary>
internal interface ITextEncoder
{
    /// <summary>Appends the ids of <paramref name="text"/>.</summary>
    /// <param name="text">The text. Surrogates without a partner count as U+FFFD.</param>
    /// <param name="scratch">Memory to work in.</param>
    /// <param name="ids">Where the ids go.</param>
    void Encode(ReadOnlySpan<char> text, EncoderScratch scratch, List<int> ids);

    /// <summary>The bytes of text that an ordinary or byte token stands for.</summary>
    byte[] ToBytes(string token, TokenType type);

    /// <summary>Whether the begin-of-text token comes first where the file does not say.</summary>
    bool AddsBos { get; }

    /// <summary>Whether encoding puts a space in front of the text, which decoding takes away.</summary>
    bool AddsSpacePrefix { get; }
}

/// <summary>Memory that an encoder works in, kept from one word to the next.</summary>
internal sealed class EncoderScratch
{
    private byte[] _bytes = new byte[256];
    private char[] _chars = new char[256];

    public SymbolMerger Merger { get; } = new();

    public List<int> WordEnds { get; } = [];

    public Span<byte> Bytes(int length)
    {
        if (_bytes.Length < length)
            _bytes = new byte[Math.Max(length, _bytes.Length * 2)];
        return _bytes;
    }

    public Span<char> Chars(int length)
    {
        if (_chars.Length < length)
            _chars = new char[Math.Max(length, _chars.Length * 2)];
        return _chars;
    }
}
