namespace Moe.Inference.Graph;

/// <summary>What changes from run to run, as values: nothing of it is baked into a plan.</summary>
public sealed class GraphInputs
{
    internal GraphInputs(GraphBuilder builder)
    {
        TokenIds = builder.AddInput("token_ids", ValueShape.Integers(RowCount.Tokens, 1));
        Positions = builder.AddInput("positions", ValueShape.Integers(RowCount.Tokens, 1));
        KvSlots = builder.AddInput("kv_slots", ValueShape.Integers(RowCount.Tokens, 1));
        KvLengths = builder.AddInput("kv_lengths", ValueShape.Integers(RowCount.Tokens, 1));
        PageStarts = builder.AddInput("page_starts", ValueShape.Integers(RowCount.Tokens, 1));
        Pages = builder.AddInput("pages", ValueShape.Integers(new RowCount(RowSymbol.Pages), 1));
        OutputRows = builder.AddInput("output_rows", ValueShape.Integers(RowCount.Outputs, 1));
        All = [TokenIds, Positions, KvSlots, KvLengths, PageStarts, Pages, OutputRows];
    }

    /// <summary>Token id of each token, [T].</summary>
    public GraphValue TokenIds { get; }

    /// <summary>Position of each token in its sequence, from 0, [T].</summary>
    public GraphValue Positions { get; }

    /// <summary>Where each token's key and value go: page × page length + place in the page, [T].</summary>
    public GraphValue KvSlots { get; }

    /// <summary>How many of its sequence's keys each token sees, itself included, [T].</summary>
    public GraphValue KvLengths { get; }

    /// <summary>Index in <see cref="Pages"/> of the first page of each token's sequence, [T].</summary>
    public GraphValue PageStarts { get; }

    /// <summary>The page tables of all sequences of the batch, one after the other, [P].</summary>
    public GraphValue Pages { get; }

    /// <summary>The tokens whose logits are wanted, [R].</summary>
    public GraphValue OutputRows { get; }

    /// <summary>All inputs in a fixed order.</summary>
    public IReadOnlyList<GraphValue> All { get; }
}
