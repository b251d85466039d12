namespace Moe.Inference.Tokenization;

/// <summary>
/// The pairs that byte-level BPE joins. Pieces that a merge names but the vocabulary lacks get ids from the vocabulary's size on: they take
/// part in merging, and are cut into bytes if they are left over.
/// </summary>
internal sealed class MergeTable
{
    private readonly Dictionary<ulong, (uint Rank, int Id)> _merges;
    private readonly TokenTable _tokens;
    private readonly Dictionary<string, int> _extra = new(StringComparer.Ordinal);

    public MergeTable(Vocabulary vocabulary, TokenTable tokens)
    {
        _tokens = tokens;
        _merges = new Dictionary<ulong, (uint, int)>(vocabulary.Merges.Length);
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> extra = _extra.GetAlternateLookup<ReadOnlySpan<char>>();
        Span<char> joined = stackalloc char[512];

        for (int rank = 0; rank < vocabulary.Merges.Length; rank++)
        {
            ReadOnlySpan<char> merge = vocabulary.Merges[rank];
            // A piece may itself begin with a space.
            int space = merge.Length < 3 ? -1 : merge[1..].IndexOf(' ') + 1;
            if (space <= 0 || space == merge.Length - 1)
                throw vocabulary.Invalid(VocabularyReader.MergesKey, $"has as merge {rank} '{merge}', which is not two pieces and a space");

            Span<char> both = merge.Length <= joined.Length ? joined : new char[merge.Length];
            merge[..space].CopyTo(both);
            merge[(space + 1)..].CopyTo(both[space..]);
            int left = PieceId(merge[..space], extra);
            int right = PieceId(merge[(space + 1)..], extra);
            _merges.TryAdd(Key(left, right), ((uint)rank, PieceId(both[..(merge.Length - 1)], extra)));
        }
        for (int value = 0; value < 256; value++)
            ByteIds[value] = PieceId([ByteAlphabet.ToChar((byte)value)], extra);
    }

    /// <summary>The id of the piece that is one byte, for each byte.</summary>
    public int[] ByteIds { get; } = new int[256];

    /// <summary>Whether two pieces may be joined, to what, and how late.</summary>
    public bool TryMerge(int left, int right, out int id, out uint rank)
    {
        bool found = _merges.TryGetValue(Key(left, right), out (uint Rank, int Id) merge);
        (rank, id) = merge;
        return found;
    }

    // An odd factor maps keys one to one, and spreads them: the hash of a ulong is its halves combined by exclusive or, which for a pair of
    // small ids takes few values.
    private static ulong Key(int left, int right) => (((ulong)(uint)left << 32) | (uint)right) * 0x9E37_79B9_7F4A_7C15;

    private int PieceId(ReadOnlySpan<char> text, Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> extra)
    {
        if (_tokens.TryGetPiece(text, out int id) || extra.TryGetValue(text, out id))
            return id;
        id = _tokens.Count + _extra.Count;
        extra[text] = id;
        return id;
    }
}
