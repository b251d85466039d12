using Moe.Inference.Ops;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>One worker's memory for flash attention.</summary>
internal readonly unsafe struct FlashWorkspace
{
    /// <summary>Keys whose scores wait together to become weights; a whole number of pages.</summary>
    public const int SpanLength = 512;

    /// <summary>Numbers from a query row's scores to the next one's: not a power of two, which caches take badly.</summary>
    public const int ScoresStride = SpanLength + 16;

    private readonly long _queries;
    private readonly long _scores;
    private readonly long _sums;
    private readonly long _statistics;
    private readonly long _keyTile;
    private readonly long _valueTile;
    private readonly long _spareQuery;
    private readonly long _spareScores;
    private readonly long _spareSum;
    private readonly byte* _memory;
    private readonly int _rows;

    /// <summary>Lays the memory out.</summary>
    /// <param name="shape">Heads and widths.</param>
    /// <param name="rows">Query rows handled together.</param>
    /// <param name="pageLength">Tokens of a page.</param>
    /// <param name="memory">The memory, or null to learn <see cref="Bytes"/>.</param>
    public FlashWorkspace(AttentionShape shape, int rows, int pageLength, byte* memory)
    {
        _memory = memory;
        _rows = rows;
        ScratchLayout layout = default;
        _queries = layout.Take((long)rows * shape.KeyWidth * sizeof(float));
        _scores = layout.Take((long)rows * ScoresStride * sizeof(float));
        _sums = layout.Take(2L * rows * shape.ValueWidth * sizeof(float));
        _statistics = layout.Take(4L * rows * sizeof(float));
        _keyTile = layout.Take((long)pageLength * shape.KeyWidth * sizeof(float));
        _valueTile = layout.Take((long)pageLength * shape.ValueWidth * sizeof(float));
        _spareQuery = layout.Take((long)shape.KeyWidth * sizeof(float));
        _spareScores = layout.Take((long)pageLength * sizeof(float));
        _spareSum = layout.Take((long)shape.ValueWidth * sizeof(float));
        Bytes = layout.Length;
    }

    /// <summary>Bytes of the memory.</summary>
    public long Bytes { get; }

    /// <summary>Query rows, contiguous.</summary>
    public float* Queries => (float*)(_memory + _queries);

    /// <summary>Scores of a span, a row per query row.</summary>
    public float* Scores => (float*)(_memory + _scores);

    /// <summary>Room for a decoded page of keys.</summary>
    public float* KeyTile => (float*)(_memory + _keyTile);

    /// <summary>Room for a decoded page of values.</summary>
    public float* ValueTile => (float*)(_memory + _valueTile);

    /// <summary>A row that stands for a missing query.</summary>
    public float* SpareQuery => (float*)(_memory + _spareQuery);

    /// <summary>Where a missing query's scores go.</summary>
    public float* SpareScores => (float*)(_memory + _spareScores);

    /// <summary>Where a missing query's sum goes.</summary>
    public float* SpareSum => (float*)(_memory + _spareSum);

    /// <summary>A running softmax for each query row; there are two, 0 for the result and 1 for a part.</summary>
    public RunningSoftmax Softmax(int which, int valueWidth) => new(
        (float*)(_memory + _sums) + ((long)which * _rows * valueWidth),
        (float*)(_memory + _statistics) + (2L * which * _rows),
        _rows,
        valueWidth);

    /// <summary>Clears the rows that stand for missing ones: memory may hold anything, and NaN would be slow.</summary>
    public void ClearSpares(AttentionShape shape, int pageLength)
    {
        new Span<float>(SpareQuery, shape.KeyWidth).Clear();
        new Span<float>(SpareScores, pageLength).Clear();
        new Span<float>(SpareSum, shape.ValueWidth).Clear();
    }
}

/// <summary>Weighted sums, largest scores and totals of a number of query rows.</summary>
internal readonly unsafe struct RunningSoftmax(float* sums, float* statistics, int rows, int valueWidth)
{
    /// <summary>All sums, contiguous.</summary>
    public float* Sums => sums;

    /// <summary>Largest score of a row.</summary>
    public ref float Maximum(int row) => ref statistics[row];

    /// <summary>Sum of weights of a row; 0 for one that has seen nothing.</summary>
    public ref float Total(int row) => ref statistics[rows + row];

    /// <summary>Weighted sum of a row.</summary>
    public Span<float> Sum(int row) => new(sums + ((long)row * valueWidth), valueWidth);

    /// <summary>Forgets everything for the first rows.</summary>
    public void Clear(int count)
    {
        new Span<float>(sums, count * valueWidth).Clear();
        new Span<float>(statistics, count).Fill(float.NegativeInfinity);
        new Span<float>(statistics + rows, count).Clear();
    }
}
