using System.Text;

namespace Moe.Inference.Tokenization;

/// <summary>
/// Turns a stream of tokens into text, piece by piece: characters that are not complete yet are kept until they are. The pieces together
/// are the text that <see cref="Tokenizer.Decode"/> gives for all the tokens. Not thread-safe.
/// </summary>
public sealed class TokenDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _renderSpecial;
    private readonly bool _continuesText;
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private bool _removeSpace;

    /// <summary>Makes a decoder at the start of a text.</summary>
    /// <param name="tokenizer">The vocabulary.</param>
    /// <param name="renderSpecial">Whether control, unknown and unused tokens show as their text, instead of not at all.</param>
    /// <param name="continuesText">
    /// Whether the tokens continue a text that was decoded before, so that a space at the start (SentencePiece) stays.
    /// </param>
    public TokenDecoder(Tokenizer tokenizer, bool renderSpecial = false, bool continuesText = false)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _renderSpecial = renderSpecial;
        _continuesText = continuesText;
        Reset();
    }

    /// <summary>Takes the next token; returns the text that is complete with it, often none or more than one character.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    public string Append(int id)
    {
        ReadOnlySpan<byte> bytes = _tokenizer.GetTokenBytes(id);
        if (bytes.IsEmpty || (!_renderSpecial && _tokenizer.IsHidden(id)))
            return "";
        if (_removeSpace && bytes[0] == (byte)' ')
            bytes = bytes[1..];
        _removeSpace = false;
        return Convert(bytes, flush: false);
    }

    /// <summary>Ends the text: what is left of an incomplete character becomes U+FFFD. The next token starts a new text.</summary>
    public string Flush()
    {
        string rest = Convert([], flush: true);
        Reset();
        return rest;
    }

    /// <summary>Forgets what is incomplete; the next token starts a new text.</summary>
    public void Reset()
    {
        _utf8.Reset();
        _removeSpace = _tokenizer.RemovesLeadingSpace && !_continuesText;
    }

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        // A byte makes at most one character; what was kept makes at most one more.
        int most = bytes.Length + 4;
        Span<char> chars = most <= 256 ? stackalloc char[256] : new char[most];
        int count = _utf8.GetChars(bytes, chars, flush);
        return count == 0 ? "" : new string(chars[..count]);
    }
}
