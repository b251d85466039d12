namespace Moe.Inference.Cpu.Kernels;

/// <summary>
/// The rows of a batch sorted by the expert they go to, in memory that the caller gives: a row is one chosen expert of one token,
/// numbered token·used + slot; a place is its position in the sorted order. Experts that are not here (their weights live elsewhere) form
/// one more group at the end.
/// </summary>
/// <param name="memory">The memory.</param>
/// <param name="experts">Experts that are here.</param>
/// <param name="firstExpert">The first of them.</param>
internal readonly unsafe struct ExpertGroups(int* memory, int experts, int firstExpert)
{
    private readonly int* _starts = memory + 1;
    private readonly int* _active = memory + 1 + experts + 2;

    /// <summary>The row at each place.</summary>
    public int* Rows { get; } = memory + 1 + experts + 2 + experts;

    /// <summary>Experts here that have rows.</summary>
    public int ActiveCount => *memory;

    /// <summary>Bytes of memory for a number of rows.</summary>
    public static long Bytes(int experts, int rows) => ((2L * experts) + 3 + rows) * sizeof(int);

    /// <summary>Rows of experts that are here.</summary>
    public int HereCount => _starts[experts];

    /// <summary>The n-th expert that has rows, counted from the first one here.</summary>
    public int Expert(int active) => _active[active];

    /// <summary>First place of an expert.</summary>
    public int Start(int expert) => _starts[expert];

    /// <summary>Rows of an expert.</summary>
    public int Count(int expert) => _starts[expert + 1] - _starts[expert];

    /// <summary>Sorts, keeping the order of rows within an expert.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is negative.</exception>
    public void Build(ReadOnlySpan<int> ids)
    {
        new Span<int>(_starts, experts + 2).Clear();
        foreach (int id in ids)
            _starts[GroupOf(id) + 1]++;
        int active = 0;
        for (int group = 0; group <= experts; group++)
        {
            if (group < experts && _starts[group + 1] > 0)
                _active[active++] = group;
            _starts[group + 1] += _starts[group];
        }

        *memory = active;
        // Placing moves each start to its end, which is the next start: shift back afterwards.
        for (int row = 0; row < ids.Length; row++)
            Rows[_starts[GroupOf(ids[row])]++] = row;
        for (int group = experts + 1; group > 0; group--)
            _starts[group] = _starts[group - 1];
        _starts[0] = 0;
    }

    private int GroupOf(int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        return (uint)(id - firstExpert) < (uint)experts ? id - firstExpert : experts;
    }
}
