using System.Buffers;
using System.Text;
using CommunityToolkit.HighPerformance.Buffers;
using Moe.Inference.Gguf;

namespace Moe.Inference.Tokenization;

/// <summary>
/// Turns text into the ids of a model's vocabulary and back, as the model's publisher does: byte-level BPE
/// (<c>tokenizer.ggml.model</c> = <c>gpt2</c>) or SentencePiece BPE (<c>llama</c>). Immutable and safe for use by many threads.
/// </summary>
public sealed class Tokenizer
{
    internal const string BytePairModel = "gpt2";
    internal const string SentencePieceModel = "llama";

    private readonly ITextEncoder _encoder;
    private readonly TokenTable _tokens;
    private readonly SpecialTokens _special;
    private readonly HashSet<int> _endOfGeneration;
    private readonly AddedTokenMatcher? _added;
    private readonly AddedTokenMatcher? _addedAndSpecial;

    internal Tokenizer(Vocabulary vocabulary)
    {
        Model = vocabulary.Model;
        _special = vocabulary.Special;
        (_encoder, _tokens) = Build(vocabulary);
        _endOfGeneration = _special.EndOfGeneration(vocabulary);
        _added = _tokens.Matcher(special: false);
        _addedAndSpecial = _tokens.Matcher(special: true);
        AddBos = Adds(vocabulary, vocabulary.AddBos, _encoder.AddsBos, _special.Bos, "bos");
        AddEos = Adds(vocabulary, vocabulary.AddEos, false, _special.Eos, "eos");
    }

    /// <summary>The family of algorithms: <c>gpt2</c> or <c>llama</c>.</summary>
    public string Model { get; }

    /// <summary>How many tokens there are; ids are 0 to one less.</summary>
    public int VocabularySize => _tokens.Count;

    /// <summary>The token that begins a text, if there is one.</summary>
    public int? BosToken => _special.Bos;

    /// <summary>The token that ends a text, if there is one.</summary>
    public int? EosToken => _special.Eos;

    /// <summary>The token that ends a turn of a conversation, if the file names one.</summary>
    public int? EotToken => _special.Eot;

    /// <summary>The token that ends a message of a turn, if the file names one.</summary>
    public int? EomToken => _special.Eom;

    /// <summary>The token for what the vocabulary cannot represent, if there is one.</summary>
    public int? UnknownToken => _special.Unknown;

    /// <summary>The token that fills up batches, if the file names one.</summary>
    public int? PaddingToken => _special.Padding;

    /// <summary>The token between two texts, if the file names one.</summary>
    public int? SeparatorToken => _special.Separator;

    /// <summary>The token for text to be filled in, if the file names one.</summary>
    public int? MaskToken => _special.Mask;

    /// <summary>
    /// The tokens after which generation stops: those that the file names as end of text, turn or message, and control tokens known to end
    /// a turn, such as <c>&lt;|im_end|&gt;</c> and <c>&lt;|eot_id|&gt;</c>.
    /// </summary>
    public IReadOnlySet<int> EndOfGenerationTokens => _endOfGeneration;

    /// <summary>Whether <see cref="Encode(string, bool, bool)"/> puts <see cref="BosToken"/> first.</summary>
    public bool AddBos { get; }

    /// <summary>Whether <see cref="Encode(string, bool, bool)"/> puts <see cref="EosToken"/> last.</summary>
    public bool AddEos { get; }

    internal bool RemovesLeadingSpace => _encoder.AddsSpacePrefix;

    /// <summary>Makes the tokenizer that a GGUF file describes in its keys <c>tokenizer.ggml.*</c>.</summary>
    /// <exception cref="GgufFormatException">A key is missing, of the wrong type, or does not fit the others.</exception>
    /// <exception cref="UnsupportedModelException">The algorithm or the pre-tokenizer is not known.</exception>
    public static Tokenizer Create(GgufMetadata metadata) => new(VocabularyReader.Read(metadata));

    /// <summary>Whether generation stops after a token; false for ids outside the vocabulary.</summary>
    public bool IsEndOfGeneration(int id) => _endOfGeneration.Contains(id);

    /// <summary>
    /// The ids of a text. What a vocabulary cannot represent becomes its unknown token or, where it has none, is left out, as by the
    /// publishers' tokenizers; most vocabularies can represent everything.
    /// </summary>
    /// <param name="text">The text. Surrogates without a partner count as U+FFFD.</param>
    /// <param name="parseSpecial">
    /// Whether the texts of control tokens become those tokens. Leave it off for text from users, lest it steers the model. The texts of
    /// added tokens (<see cref="TokenType.UserDefined"/>) always become those tokens.
    /// </param>
    /// <param name="addSpecial">Whether begin- and end-of-text tokens are added where the model wants them.</param>
    public int[] Encode(string text, bool parseSpecial = false, bool addSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> ids = new(text.Length / 3 + 4);
        Encode(text.AsSpan(), ids, parseSpecial, addSpecial);
        return [.. ids];
    }

    /// <summary>Appends the ids of a text; see <see cref="Encode(string, bool, bool)"/>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="ids">Where the ids go.</param>
    /// <param name="parseSpecial">Whether the texts of control tokens become those tokens.</param>
    /// <param name="addSpecial">Whether begin- and end-of-text tokens are added where the model wants them.</param>
    public void Encode(ReadOnlySpan<char> text, List<int> ids, bool parseSpecial = false, bool addSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        EncodeCore(parseSpecial ? TrustedText.All(text) : TrustedText.None(text), ids, addSpecial);
    }

    /// <summary>
    /// The ids of a text in parts of different trust, encoded as one text: a control token is recognized only wholly inside a part that may
    /// hold some, and ordinary text is cut into tokens across the ends of parts, as a model was trained on it.
    /// </summary>
    /// <param name="parts">The parts, in order.</param>
    /// <param name="addSpecial">Whether begin- and end-of-text tokens are added where the model wants them.</param>
    public int[] Encode(IEnumerable<TextPart> parts, bool addSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(parts);
        TrustedText text = TrustedText.Join(parts);
        List<int> ids = new(text.Text.Length / 3 + 4);
        EncodeCore(text, ids, addSpecial);
        return [.. ids];
    }

    /// <summary>How many tokens a text has; see <see cref="Encode(string, bool, bool)"/>.</summary>
    /// <param name="text">The text.</param>
    /// <param name="parseSpecial">Whether the texts of control tokens become those tokens.</param>
    /// <param name="addSpecial">Whether begin- and end-of-text tokens are counted where the model wants them.</param>
    public int CountTokens(ReadOnlySpan<char> text, bool parseSpecial = false, bool addSpecial = true)
    {
        List<int> ids = new(text.Length / 3 + 4);
        Encode(text, ids, parseSpecial, addSpecial);
        return ids.Count;
    }

    /// <summary>
    /// The text of tokens. Bytes that are no valid UTF-8 become U+FFFD. If encoding puts a space in front (SentencePiece), decoding takes
    /// one away from the start.
    /// </summary>
    /// <param name="tokens">The ids.</param>
    /// <param name="renderSpecial">Whether control, unknown and unused tokens show as their text, instead of not at all.</param>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> tokens, bool renderSpecial = false)
    {
        using ArrayPoolBufferWriter<byte> bytes = new(Math.Max(tokens.Length * 5, 16));
        foreach (int id in tokens)
        {
            if (renderSpecial || !_tokens.IsHidden(id))
                bytes.Write(_tokens.Bytes(id));
        }
        ReadOnlySpan<byte> text = bytes.WrittenSpan;
        if (RemovesLeadingSpace && text.StartsWith(" "u8))
            text = text[1..];
        return Encoding.UTF8.GetString(text);
    }

    /// <summary>
    /// The text of a token as the vocabulary writes it: with U+0120 (Ġ) for a space in byte-level BPE, U+2581 (▁) in SentencePiece.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    public string GetTokenText(int id) => _tokens.Text(id);

    /// <summary>
    /// The bytes of UTF-8 that a token stands for; a single token may hold part of a character. Control tokens give their text.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    public ReadOnlySpan<byte> GetTokenBytes(int id) => _tokens.Bytes(id);

    /// <summary>What a token is for.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    public TokenType GetTokenType(int id) => _tokens.Type(id);

    /// <summary>Finds a token of any type by its text as the vocabulary writes it.</summary>
    public bool TryGetTokenId(ReadOnlySpan<char> text, out int id) => _tokens.TryGetId(text, out id);

    private void EncodeCore(TrustedText text, List<int> ids, bool addSpecial)
    {
        if (addSpecial && AddBos)
            ids.Add(BosToken!.Value);
        EncoderScratch scratch = new();
        for (int start = 0; start < text.Text.Length;)
        {
            bool found = text.FindNext(start, _added, _addedAndSpecial, out TokenMatch match);
            ReadOnlySpan<char> before = text.Text[start..(found ? match.Start : text.Text.Length)];
            if (!before.IsEmpty)
                _encoder.Encode(before, scratch, ids);
            if (!found)
                break;
            ids.Add(match.Id);
            start = match.Start + match.Length;
        }

        if (addSpecial && AddEos)
            ids.Add(EosToken!.Value);
    }

    internal bool IsHidden(int id) => _tokens.IsHidden(id);

    private static (ITextEncoder Encoder, TokenTable Tokens) Build(Vocabulary vocabulary)
    {
        if (vocabulary.Model == SentencePieceModel)
        {
            SentencePieceEncoder pieces = new(vocabulary);
            return (pieces, pieces.Tokens);
        }
        BytePairEncoder bytePairs = new(vocabulary);
        return (bytePairs, bytePairs.Tokens);
    }

    private static bool Adds(Vocabulary vocabulary, bool? stated, bool byDefault, int? id, string name)
    {
        if (stated == true && id is null)
            throw vocabulary.Invalid($"tokenizer.ggml.add_{name}_token", $"is true, but there is no tokenizer.ggml.{name}_token_id");
        return (stated ?? byDefault) && id is not null;
    }
}
