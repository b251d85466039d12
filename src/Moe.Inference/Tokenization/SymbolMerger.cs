namespace Moe.Inference.Tokenization;

/// <summary>A stretch of the text that is one piece so far.</summary>
/// <param name="Start">Where it begins.</param>
/// <param name="Length">How long it is; 0 once it has been joined to the piece on its left.</param>
/// <param name="Id">The piece's id, or -1.</param>
internal record struct Symbol(int Start, int Length, int Id);

/// <summary>Says which neighbours may be joined.</summary>
internal interface IMergeRule
{
    /// <summary>Whether two symbols that touch may be joined, to what, and how late.</summary>
    bool TryMerge(in Symbol left, in Symbol right, out int id, out uint rank);
}

/// <summary>
/// The loop that byte-level BPE and SentencePiece share: while there are neighbours that may be joined, join those of the lowest rank, the
/// leftmost first among equals. Takes O(n log n) for n symbols. Not thread-safe; reused to save its memory.
/// </summary>
internal sealed class SymbolMerger
{
    private readonly PriorityQueue<Candidate, ulong> _queue = new();
    private Symbol[] _symbols = new Symbol[64];
    private (int Previous, int Next)[] _links = new (int, int)[64];
    private int _count;

    /// <summary>The symbols; after <see cref="Merge"/>, those of length 0 are gone.</summary>
    public ReadOnlySpan<Symbol> Symbols => _symbols.AsSpan(0, _count);

    /// <summary>Forgets all symbols.</summary>
    public void Clear() => _count = 0;

    /// <summary>Adds a symbol to the right of those there are.</summary>
    public void Add(Symbol symbol)
    {
        if (_count == _symbols.Length)
        {
            Array.Resize(ref _symbols, _count * 2);
            Array.Resize(ref _links, _count * 2);
        }
        _symbols[_count] = symbol;
        _links[_count] = (_count - 1, _count + 1);
        _count++;
    }

    /// <summary>Joins symbols until no rule applies.</summary>
    public void Merge<TRule>(TRule rule)
        where TRule : struct, IMergeRule, allows ref struct
    {
        for (int i = 1; i < _count; i++)
            Offer(ref rule, i - 1, i);

        while (_queue.TryDequeue(out Candidate pair, out _))
        {
            ref Symbol left = ref _symbols[pair.Left];
            ref Symbol right = ref _symbols[pair.Right];
            // Symbols only grow or vanish, so a different length says that the offer is out of date.
            if (left.Length == 0 || right.Length == 0 || left.Length + right.Length != pair.Length)
                continue;

            left = new Symbol(left.Start, pair.Length, pair.Id);
            right.Length = 0;
            int next = _links[pair.Right].Next;
            _links[pair.Left].Next = next;
            if (next < _count)
                _links[next].Previous = pair.Left;

            if (_links[pair.Left].Previous >= 0)
                Offer(ref rule, _links[pair.Left].Previous, pair.Left);
            if (next < _count)
                Offer(ref rule, pair.Left, next);
        }
    }

    private void Offer<TRule>(ref TRule rule, int left, int right)
        where TRule : struct, IMergeRule, allows ref struct
    {
        if (rule.TryMerge(_symbols[left], _symbols[right], out int id, out uint rank))
        {
            int length = _symbols[left].Length + _symbols[right].Length;
            _queue.Enqueue(new Candidate(left, right, length, id), ((ulong)rank << 32) | (uint)left);
        }
    }

    private readonly record struct Candidate(int Left, int Right, int Length, int Id);
}
