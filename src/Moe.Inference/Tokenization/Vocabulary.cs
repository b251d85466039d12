namespace Moe.Inference.Tokenization;

/// <summary>What a GGUF file says about its tokenizer, checked for consistency (see <see cref="VocabularyReader"/>).</summary>
internal sealed record Vocabulary
{
    /// <summary>The family of algorithms, <c>tokenizer.ggml.model</c>: <c>gpt2</c> or <c>llama</c>.</summary>
    public required string Model { get; init; }

    /// <summary>How text is cut into words before merging, <c>tokenizer.ggml.pre</c>; null if not stated.</summary>
    public string? PreTokenizer { get; init; }

    /// <summary>The texts, by id. No two are the same, save empty ones.</summary>
    public required string[] Tokens { get; init; }

    /// <summary>One type a token.</summary>
    public required TokenType[] Types { get; init; }

    /// <summary>One score a token, for SentencePiece: of two pairs, the one with the higher score is joined first.</summary>
    public float[] Scores { get; init; } = [];

    /// <summary>Pairs in the order in which they are joined, each <c>left right</c>, for byte-level BPE.</summary>
    public string[] Merges { get; init; } = [];

    /// <summary>The ids with a role; every id is within <see cref="Tokens"/>.</summary>
    public SpecialTokens Special { get; init; } = new();

    /// <summary>
    /// The token that text becomes if the vocabulary cannot represent it. Some files name a control token here, even the end of text;
    /// their publishers' tokenizers leave such text out, and text must not become a control token.
    /// </summary>
    public int? UnknownPiece => Special.Unknown is int id && Types[id] != TokenType.Control ? id : null;

    /// <summary>Whether encoding puts the begin-of-text token first; null if not stated.</summary>
    public bool? AddBos { get; init; }

    /// <summary>Whether encoding puts the end-of-text token last; null if not stated.</summary>
    public bool? AddEos { get; init; }

    /// <summary>Whether SentencePiece text gets a space in front; null if not stated.</summary>
    public bool? AddSpacePrefix { get; init; }

    /// <summary>Whether SentencePiece text has runs of spaces cut to one and its ends trimmed.</summary>
    public bool RemoveExtraWhitespace { get; init; }

    /// <summary>Makes the exception for a metadata entry (key, reason) that is wrong.</summary>
    public required Func<string, string, Exception> Invalid { get; init; }
}
