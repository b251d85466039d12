using System.Runtime.InteropServices;

namespace Moe.Inference.Kv;

/// <summary>One sequence's place in key/value memory: a table of pages, some of them shared with other sequences. Used by the engine's thread only.</summary>
internal sealed class KvSequence(KvMemory memory) : IDisposable
{
    private const int PageLength = KvMemory.PageLength;
    private readonly List<int> _pages = [];
    private readonly List<long> _remembered = [];

    /// <summary>Tokens whose keys and values are in memory.</summary>
    public int Length { get; private set; }

    /// <summary>The table of pages.</summary>
    public ReadOnlySpan<int> Pages => CollectionsMarshal.AsSpan(_pages);

    /// <summary>The slot of a position that was reserved.</summary>
    public int Slot(int position) => (_pages[position / PageLength] * PageLength) + (position % PageLength);

    /// <summary>Makes room to write positions from <see cref="Length"/> on: takes pages, and copies the last one if it is shared.</summary>
    /// <param name="count">Tokens to come.</param>
    /// <returns>False if memory runs out; nothing is held for it then.</returns>
    public bool TryReserve(int count)
    {
        int partial = Length / PageLength;
        if (count > 0 && partial < _pages.Count && memory.Pages.IsShared(_pages[partial]) && !TryUnshare(partial))
            return false;
        while ((long)_pages.Count * PageLength < (long)Length + count)
        {
            if (!memory.Pages.TryTake(out int page))
            {
                DropPagesFrom(KvMemory.PageCount(Length));
                return false;
            }

            _pages.Add(page);
        }

        return true;
    }

    /// <summary>Says that reserved positions were written, and remembers pages that became full.</summary>
    /// <param name="tokens">All tokens of the sequence, at least up to the new length.</param>
    /// <param name="length">The new length.</param>
    public void Commit(ReadOnlySpan<int> tokens, int length)
    {
        Length = length;
        for (int page = _remembered.Count; (page + 1) * PageLength <= length; page++)
        {
            long parent = page == 0 ? 0 : _remembered[page - 1];
            // A page whose beginning could not be remembered cannot be found, so it is not remembered either.
            bool reachable = page == 0 || parent != 0;
            _remembered.Add(reachable ? memory.Pages.Remember(parent, tokens.Slice(page * PageLength, PageLength), _pages[page]) : 0);
        }
    }

    /// <summary>Takes over remembered pages of other sequences that begin with the same tokens; only for an empty sequence.</summary>
    /// <param name="tokens">The tokens to come.</param>
    /// <returns>How many of them are in memory now.</returns>
    public int Adopt(ReadOnlySpan<int> tokens)
    {
        if (_pages.Count > 0)
            return Length;
        long parent = 0;
        for (int start = 0; start + PageLength <= tokens.Length; start += PageLength)
        {
            long entry = memory.Pages.Find(parent, tokens.Slice(start, PageLength), out int page);
            if (entry == 0)
                break;
            _pages.Add(page);
            _remembered.Add(entry);
            Length += PageLength;
            parent = entry;
        }

        return Length;
    }

    /// <summary>Forgets all positions from <paramref name="length"/> on.</summary>
    public void Truncate(int length)
    {
        if (length > Length)
            throw new ArgumentOutOfRangeException(nameof(length), length, $"the sequence holds {Length} tokens");
        Length = length;
        DropPagesFrom(KvMemory.PageCount(length));
        int full = length / PageLength;
        if (_remembered.Count > full)
            _remembered.RemoveRange(full, _remembered.Count - full);
    }

    /// <summary>A second sequence with the same contents; all pages are shared until one of them writes.</summary>
    public KvSequence Fork()
    {
        KvSequence fork = new(memory) { Length = Length };
        // Pages that were reserved but not written stay with this sequence: nobody would copy them before both write.
        fork._pages.AddRange(_pages.Take(KvMemory.PageCount(Length)));
        foreach (int page in fork._pages)
            memory.Pages.Share(page);
        fork._remembered.AddRange(_remembered);
        return fork;
    }

    /// <summary>Lets go of all pages.</summary>
    public void Dispose() => Truncate(0);

    private void DropPagesFrom(int index)
    {
        for (int page = index; page < _pages.Count; page++)
            memory.Pages.Release(_pages[page]);
        _pages.RemoveRange(index, _pages.Count - index);
    }

    private bool TryUnshare(int index)
    {
        if (!memory.Pages.TryTake(out int copy))
            return false;
        try
        {
            memory.CopyPage(_pages[index], copy, Length % PageLength);
        }
        catch
        {
            memory.Pages.Release(copy);
            throw;
        }

        memory.Pages.Release(_pages[index]);
        _pages[index] = copy;
        return true;
    }
}
