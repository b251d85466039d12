using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// Sums of values weighted by attention: the last step of composed attention. Inputs: weights F32[T·heads, context], kvLengths I32[T, 1],
/// pageStarts I32[T, 1], pages I32[P, 1]; reads the layer's values. Output: F32[T, heads·valueWidth].
/// </summary>
/// <param name="Shape">Heads, widths, scale.</param>
public sealed record AttentionValuesOp(AttentionShape Shape) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "attention-values";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 4 && inputs[0].Rows == inputs[1].Rows.Times(Shape.Heads), "takes weights, lengths, page starts and pages");
        return [ValueShape.Floats(inputs[1].Rows, Shape.OutputRow)];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size) =>
        Footprint.Whole(node, size) with
        {
            KvRead = (long)size.Tokens * size.Context * node.Kv!.ValueRow,
            MultiplyAdds = (long)size.Tokens * size.Context * Shape.Heads * Shape.ValueWidth,
        };
}
