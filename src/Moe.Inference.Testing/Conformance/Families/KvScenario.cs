using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// Sequences in paged key/value memory, and the tokens of a run that look at them. Pages are scattered; sequences may share their first
/// pages; places that no sequence has reached hold poison.
/// </summary>
internal sealed class KvScenario
{
    private readonly List<int> _lengths = [];
    private readonly List<int> _starts = [];
    private readonly List<int> _table = [];
    private readonly EncodedMatrix _keys;
    private readonly EncodedMatrix _values;

    private KvScenario(Random random, string name, AttentionShape shape, ElementType type, int pageLength, (int Length, int Tokens, int SharedPages)[] sequences)
    {
        (Name, Shape, PageLength) = (name, shape, pageLength);
        int pagesOwned = sequences.Sum(sequence => PagesOf(sequence.Length) - sequence.SharedPages);
        // One more page than is used: nobody may look at it.
        int[] order = RandomData.Permutation(random, pagesOwned + 1);
        int taken = 0;
        int firstStart = 0;
        bool[] reached = new bool[order.Length * pageLength];
        for (int s = 0; s < sequences.Length; s++)
        {
            (int length, int tokens, int shared) = sequences[s];
            int start = _table.Count;
            firstStart = s == 0 ? start : firstStart;
            for (int page = 0; page < PagesOf(length); page++)
            {
                int id = page < shared ? _table[firstStart + page] : order[taken++];
                _table.Add(id);
                reached.AsSpan(id * pageLength, Math.Min(pageLength, length - (page * pageLength))).Fill(true);
            }

            for (int token = 0; token < tokens; token++)
            {
                _lengths.Add(length - tokens + token + 1);
                _starts.Add(start);
            }
        }

        KvLayer layer = new(0, shape.KvHeads, shape.KeyWidth, shape.ValueWidth);
        _keys = EncodedMatrix.Of(type, shape.KeyWidth, RandomData.Gaussian(random, order.Length * layer.KeyRow * pageLength));
        _values = EncodedMatrix.Of(type, shape.ValueWidth, RandomData.Gaussian(random, order.Length * layer.ValueRow * pageLength));
        Image = new KvImage(layer, type, pageLength, Poisoned(_keys, reached), Poisoned(_values, reached));
    }

    /// <summary>What is special about it.</summary>
    public string Name { get; }

    /// <summary>Heads and widths.</summary>
    public AttentionShape Shape { get; }

    /// <summary>Tokens of a page.</summary>
    public int PageLength { get; }

    /// <summary>The memory.</summary>
    public KvImage Image { get; }

    /// <summary>Tokens of the run.</summary>
    public int Tokens => _lengths.Count;

    /// <summary>The longest sequence.</summary>
    public int Context => _lengths.Max();

    /// <summary>All cases, over element types, shapes of heads and the edges of pages.</summary>
    public static IEnumerable<KvScenario> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        AttentionShape grouped = Heads(4, 2, 32, 32);
        AttentionShape[] others = [Heads(6, 2, 64, 32), Heads(8, 1, 32, 64), Heads(3, 3, 32, 32), Heads(10, 2, 128, 128)];
        foreach (ElementType type in options.KvTypes)
        {
            foreach (int page in (int[])[64, 32])
            {
                (int, int, int)[] edges = [(1, 1, 0), (page - 1, 1, 0), (page, 1, 0), (page + 1, 1, 0), (2 * page, 1, 0), ((3 * page) + 5, 1, 0)];
                yield return new KvScenario(random, $"one token each at page edges of {page}", grouped, type, page, edges);
                yield return new KvScenario(random, $"a prompt over pages of {page}", grouped, type, page, [(page + 37, page - 9, 0)]);
                yield return new KvScenario(random, $"prompts and single tokens with shared pages of {page}", grouped, type, page, [(3 * page, 1, 0), ((2 * page) + 9, 19, 2), (page + 1, 1, 1), (5, 5, 0), ((3 * page) + 1, 2, 3)]);
            }

            foreach (AttentionShape shape in others)
            {
                yield return new KvScenario(random, "two single tokens", shape, type, 64, [(70, 1, 0), (3, 1, 0)]);
                yield return new KvScenario(random, "a prompt", shape, type, 64, [(75, 20, 0)]);
            }

            yield return new KvScenario(random, "a single token of a long sequence", grouped, type, 64, [(1100, 1, 0)]);
            // More tokens than a kernel may take for single tokens, of sequences that end within its blocks.
            yield return new KvScenario(random, "many tokens of several sequences", grouped, type, 64, [(90, 47, 0), (3, 1, 0), (67, 30, 1), (130, 1, 0), (65, 4, 0)]);
            yield return new KvScenario(random, "a prompt in a long sequence", grouped, type, 64, [(1030, 20, 0), (513, 1, 8)]);
            if (ElementLayout.Of(type).BlockLength == 1)
            {
                yield return new KvScenario(random, "odd widths", Heads(4, 2, 7, 5), type, 64, [(67, 3, 0), (9, 1, 0)]);
                yield return new KvScenario(random, "odd widths, a prompt", Heads(2, 1, 24, 40), type, 64, [(67, 33, 0)]);
            }
        }
    }

    /// <summary>The first element of a token's key, in decoded numbers.</summary>
    public ReadOnlySpan<double> Key(int token, int position, int head) => Row(_keys, token, position, head);

    /// <summary>A token's value, in decoded numbers.</summary>
    public ReadOnlySpan<double> Value(int token, int position, int head) => Row(_values, token, position, head);

    /// <summary>Keys that a token sees.</summary>
    public int Length(int token) => _lengths[token];

    /// <summary>Starts a case; the first input, if any, is the caller's.</summary>
    /// <param name="spare">Tokens and pages that memory has room for beyond the run.</param>
    /// <param name="special">What else is special.</param>
    public CaseBuilder Start(int spare, string special = "") => new(
        $"{Image.Type} keys and values, {Shape.Heads} heads of {Shape.KeyWidth} and {Shape.ValueWidth} over {Shape.KvHeads}, {Name}{special}",
        new RunSize(Tokens, _starts.Distinct().Count(), _table.Count, Context),
        spare);

    /// <summary>Adds lengths, page starts and pages.</summary>
    public CaseBuilder AddTables(CaseBuilder builder) => builder
        .Input("lengths", RowCount.Tokens, 1, [.. _lengths])
        .Input("page starts", RowCount.Tokens, 1, [.. _starts])
        .Input("pages", new RowCount(RowSymbol.Pages), 1, [.. _table]);

    private static AttentionShape Heads(int heads, int kvHeads, int keyWidth, int valueWidth) => new(heads, kvHeads, keyWidth, valueWidth, 1.5f / MathF.Sqrt(keyWidth));

    private int PagesOf(int length) => (length + PageLength - 1) / PageLength;

    private ReadOnlySpan<double> Row(EncodedMatrix half, int token, int position, int head)
    {
        int page = _table[_starts[token] + (position / PageLength)];
        int row = (((page * Shape.KvHeads) + head) * PageLength) + (position % PageLength);
        return half.Values.AsSpan(row * half.Width, half.Width);
    }

    private byte[] Poisoned(EncodedMatrix half, bool[] reached)
    {
        byte[] bytes = [.. half.Bytes];
        int rowBytes = bytes.Length / half.Rows;
        for (int row = 0; row < half.Rows; row++)
        {
            int page = row / (Shape.KvHeads * PageLength);
            if (!reached[(page * PageLength) + (row % PageLength)])
                bytes.AsSpan(row * rowBytes, rowBytes).Fill(GuardedTensor.Poison);
        }

        return bytes;
    }
}
