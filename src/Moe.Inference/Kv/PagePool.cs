namespace Moe.Inference.Kv;

/// <summary>
/// Counts who uses each page of key/value memory. A page with one user may be written; one with several must be copied first. Full pages
/// are remembered by the tokens they hold, so that a later sequence with the same beginning can use them; remembered pages that nobody
/// else uses are given up when memory runs short. Used by the engine's thread only.
/// </summary>
internal sealed class PagePool
{
    private readonly int[] _users;
    private readonly Stack<int> _free;
    private readonly Dictionary<PrefixKey, PrefixEntry> _index = [];
    private readonly Dictionary<int, PrefixEntry> _entryOfPage = [];
    private long _nextEntry = 1;
    private long _clock;

    /// <summary>Creates a pool of free pages.</summary>
    public PagePool(int pages)
    {
        _users = new int[pages];
        _free = new Stack<int>(Enumerable.Range(0, pages).Reverse());
    }

    /// <summary>Pages in all.</summary>
    public int Count => _users.Length;

    /// <summary>Pages that could be taken now: free ones, and remembered ones that no sequence uses.</summary>
    public int Available => _free.Count + _entryOfPage.Keys.Count(page => _users[page] == 1);

    /// <summary>Takes a page for one user.</summary>
    /// <returns>False if all pages are in use.</returns>
    public bool TryTake(out int page)
    {
        if (_free.Count == 0 && !Evict())
        {
            page = -1;
            return false;
        }

        page = _free.Pop();
        _users[page] = 1;
        return true;
    }

    /// <summary>Adds a user.</summary>
    public void Share(int page) => _users[page]++;

    /// <summary>Whether a page has several users.</summary>
    public bool IsShared(int page) => _users[page] > 1;

    /// <summary>Removes a user; the last one frees the page.</summary>
    public void Release(int page)
    {
        if (--_users[page] == 0)
            _free.Push(page);
    }

    /// <summary>Remembers a full page by its tokens and by what precedes it.</summary>
    /// <param name="parent">What <see cref="Remember"/> or <see cref="Find"/> returned for the page before, 0 for the first page.</param>
    /// <param name="tokens">The page's tokens.</param>
    /// <param name="page">The page.</param>
    /// <returns>The number to give as parent of the next page.</returns>
    public long Remember(long parent, ReadOnlySpan<int> tokens, int page)
    {
        PrefixKey key = new(parent, tokens.ToArray());
        if (_index.TryGetValue(key, out PrefixEntry? known))
        {
            known.LastUse = ++_clock;
            TakeOver(known, page);
            return known.Id;
        }

        // A page holds one text at a time; it is remembered once.
        if (_entryOfPage.ContainsKey(page))
            return 0;
        PrefixEntry entry = new(_nextEntry++, key, page) { LastUse = ++_clock };
        _index.Add(key, entry);
        _entryOfPage.Add(page, entry);
        Share(page);
        return entry.Id;
    }

    /// <summary>Finds a remembered page by its exact tokens and by what precedes it, and adds a user to it.</summary>
    /// <returns>The number to give as parent of the next page, or 0 if there is none.</returns>
    public long Find(long parent, ReadOnlySpan<int> tokens, out int page)
    {
        page = -1;
        if (!_index.TryGetValue(new PrefixKey(parent, tokens.ToArray()), out PrefixEntry? entry))
            return 0;
        entry.LastUse = ++_clock;
        page = entry.Page;
        Share(page);
        return entry.Id;
    }

    // A text that is written again is remembered where it is in use, so that it does not take memory twice.
    private void TakeOver(PrefixEntry entry, int page)
    {
        if (entry.Page == page || _users[entry.Page] > 1 || _entryOfPage.ContainsKey(page))
            return;
        _entryOfPage.Remove(entry.Page);
        Release(entry.Page);
        entry.Page = page;
        _entryOfPage.Add(page, entry);
        Share(page);
    }

    private bool Evict()
    {
        // Later pages of a text first: without its beginning a page can never be found again. A beginning that only pages in use follow
        // must go, too, if nothing else is left.
        PrefixEntry? victim = null;
        HashSet<long> parents = [.. _index.Keys.Select(key => key.Parent)];
        foreach (PrefixEntry entry in _entryOfPage.Values)
        {
            if (_users[entry.Page] == 1 && (victim is null || Rank(entry).CompareTo(Rank(victim)) < 0))
                victim = entry;
        }

        if (victim is null)
            return false;
        _index.Remove(victim.Key);
        _entryOfPage.Remove(victim.Page);
        Release(victim.Page);
        return true;

        (bool, long) Rank(PrefixEntry entry) => (parents.Contains(entry.Id), entry.LastUse);
    }

    private sealed class PrefixEntry(long id, PrefixKey key, int page)
    {
        public long Id => id;

        public PrefixKey Key => key;

        public int Page { get; set; } = page;

        public long LastUse { get; set; }
    }

    /// <summary>Tokens are compared, not only hashed: a collision would answer with another text's memory.</summary>
    private sealed class PrefixKey(long parent, int[] tokens) : IEquatable<PrefixKey>
    {
        private readonly int[] _tokens = tokens;

        public long Parent => parent;

        public bool Equals(PrefixKey? other) => other is not null && Parent == other.Parent && _tokens.AsSpan().SequenceEqual(other._tokens);

        public override bool Equals(object? obj) => Equals(obj as PrefixKey);

        public override int GetHashCode()
        {
            HashCode hash = default;
            hash.Add(parent);
            foreach (int token in _tokens)
                hash.Add(token);
            return hash.ToHashCode();
        }
    }
}
