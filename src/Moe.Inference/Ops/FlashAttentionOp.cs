using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// Causal attention over paged key/value memory in one pass, with a running softmax (Dao et al., 2022) and no matrix of scores.
/// Inputs: queries F32[T, heads·keyWidth], kvLengths I32[T, 1], pageStarts I32[T, 1], pages I32[P, 1]; reads the layer's memory.
/// Output: F32[T, heads·valueWidth].
/// </summary>
/// <param name="Shape">Heads, widths, scale.</param>
public sealed record FlashAttentionOp(AttentionShape Shape) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "flash-attention";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override bool HasComposedForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 4 && weights.Count == 0, "takes queries, lengths, page starts and pages");
        Require(inputs[0].Width == Shape.QueryRow, "the queries' width must be heads × key width");
        return [ValueShape.Floats(inputs[0].Rows, Shape.OutputRow)];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size) =>
        Footprint.Whole(node, size) with
        {
            KvRead = (long)size.Tokens * size.Context * (node.Kv!.KeyRow + node.Kv.ValueRow),
            MultiplyAdds = (long)size.Tokens * size.Context * Shape.Heads * (Shape.KeyWidth + Shape.ValueWidth),
        };

    /// <inheritdoc/>
    public override IReadOnlyList<GraphValue> Compose(GraphNode node, GraphBuilder builder, RunSize limits)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(builder);
        (GraphValue queries, GraphValue lengths, GraphValue starts, GraphValue pages) = (node.Inputs[0], node.Inputs[1], node.Inputs[2], node.Inputs[3]);
        GraphValue scores = builder.Add($"{node.Label}.scores", new AttentionScoresOp(Shape, limits.Context), [queries, lengths, starts, pages], kv: node.Kv);
        GraphValue weights = builder.Add($"{node.Label}.softmax", new MaskedSoftmaxOp(Shape.Heads), [scores, lengths]);
        return [builder.Add(node.Label, new AttentionValuesOp(Shape), [weights, lengths, starts, pages], kv: node.Kv)];
    }
}
