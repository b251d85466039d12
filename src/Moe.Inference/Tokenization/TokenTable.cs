using System.Text;

namespace Moe.Inference.Tokenization;

/// <summary>The texts, types and bytes of a vocabulary by id, and the ids by text. Immutable.</summary>
internal sealed class TokenTable
{
    private readonly Vocabulary _vocabulary;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly byte[] _bytes;
    private readonly int[] _byteEnds;

    public TokenTable(Vocabulary vocabulary, Func<string, TokenType, byte[]> toBytes)
    {
        _vocabulary = vocabulary;
        _ids = new Dictionary<string, int>(vocabulary.Tokens.Length, StringComparer.Ordinal);
        _lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _byteEnds = new int[vocabulary.Tokens.Length];

        using MemoryStream bytes = new(vocabulary.Tokens.Length * 8);
        for (int id = 0; id < vocabulary.Tokens.Length; id++)
        {
            string text = vocabulary.Tokens[id];
            if (text.Length > 0 && !_ids.TryAdd(text, id))
                throw vocabulary.Invalid(VocabularyReader.TokensKey, $"gives tokens {_ids[text]} and {id} the same text '{text}'");
            bytes.Write(IsPlainText(id) ? Encoding.UTF8.GetBytes(text) : toBytes(text, vocabulary.Types[id]));
            _byteEnds[id] = (int)bytes.Length;
        }
        _bytes = bytes.ToArray();
    }

    public int Count => _byteEnds.Length;

    public string Text(int id) => _vocabulary.Tokens[Check(id)];

    public TokenType Type(int id) => _vocabulary.Types[Check(id)];

    /// <summary>The bytes that the token stands for in decoded text.</summary>
    public ReadOnlySpan<byte> Bytes(int id)
    {
        int start = Check(id) == 0 ? 0 : _byteEnds[id - 1];
        return _bytes.AsSpan(start, _byteEnds[id] - start);
    }

    /// <summary>Whether decoding leaves the token out unless asked to show such tokens.</summary>
    public bool IsHidden(int id) => Type(id) is TokenType.Control or TokenType.Unknown or TokenType.Unused;

    public bool TryGetId(ReadOnlySpan<char> text, out int id) => _lookup.TryGetValue(text, out id);

    /// <summary>Finds a token that stands for a piece of ordinary text: text alone never becomes a control token.</summary>
    public bool TryGetPiece(ReadOnlySpan<char> text, out int id) =>
        _lookup.TryGetValue(text, out id) && _vocabulary.Types[id] is not (TokenType.Control or TokenType.Unknown or TokenType.Byte);

    /// <summary>Finds the tokens that are matched before anything else: added ones and, if asked for, the special ones.</summary>
    public AddedTokenMatcher? Matcher(bool special)
    {
        List<KeyValuePair<string, int>> tokens = [];
        for (int id = 0; id < Count; id++)
        {
            TokenType type = _vocabulary.Types[id];
            if (type == TokenType.UserDefined || (special && type is TokenType.Control or TokenType.Unknown))
                tokens.Add(new(_vocabulary.Tokens[id], id));
        }
        return tokens.Count == 0 ? null : new AddedTokenMatcher(tokens);
    }

    private bool IsPlainText(int id) => _vocabulary.Types[id] is TokenType.Control or TokenType.Unknown or TokenType.UserDefined;

    private int Check(int id) => (uint)id < (uint)_byteEnds.Length
        ? id
        : throw new ArgumentOutOfRangeException(nameof(id), id, $"The vocabulary has ids 0 to {_byteEnds.Length - 1}.");
}
