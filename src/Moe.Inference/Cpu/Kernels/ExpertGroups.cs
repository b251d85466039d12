namespace Moe.Inference.Cpu.Kernels;

/// <summary>
/// The rows of a batch sorted by the expert they go to, in memory that the caller gives: a row is one chosen expert of one token,
/// numbered token·used + slot; a place is its position in the sorted order.
/// </summary>
internal readonly unsafe struct ExpertGroups(int* memory, int experts)
{
    private readonly int* _starts = memory + 1;
    private readonly int* _active = memory + 1 + experts + 1;

    /// <summary>The row at each place.</summary>
    public int* Rows { get; } = memory + 1 + experts + 1 + experts;

    /// <summary>Experts that have rows.</summary>
    public int ActiveCount => *memory;

    /// <summary>Bytes of memory for a number of rows.</summary>
    public static long Bytes(int experts, int rows) => ((2L * experts) + 2 + rows) * sizeof(int);

    /// <summary>The n-th expert that has rows.</summary>
    public int Expert(int active) => _active[active];

    /// <summary>First place of an expert.</summary>
    public int Start(int expert) => _starts[expert];

    /// <summary>Rows of an expert.</summary>
    public int Count(int expert) => _starts[expert + 1] - _starts[expert];

    /// <summary>Sorts, keeping the order of rows within an expert.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id names no expert.</exception>
    public void Build(ReadOnlySpan<int> ids)
    {
        new Span<int>(_starts, experts + 1).Clear();
        foreach (int id in ids)
        {
            if ((uint)id >= (uint)experts)
                throw new ArgumentOutOfRangeException(nameof(ids), id, $"there are {experts} experts");
            _starts[id + 1]++;
        }

        int active = 0;
        for (int expert = 0; expert < experts; expert++)
        {
            if (_starts[expert + 1] > 0)
                _active[active++] = expert;
            _starts[expert + 1] += _starts[expert];
        }

        *memory = active;
        // Placing moves each start to its end, which is the next start: shift back afterwards.
        for (int row = 0; row < ids.Length; row++)
            Rows[_starts[ids[row]]++] = row;
        for (int expert = experts; expert > 0; expert--)
            _starts[expert] = _starts[expert - 1];
        _starts[0] = 0;
    }
}
