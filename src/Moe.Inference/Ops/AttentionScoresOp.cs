using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// Scaled products of queries with all keys they see: the first step of composed attention. Inputs as <see cref="FlashAttentionOp"/>.
/// Output: F32[T·heads, context]; elements from a token's kvLength on are not written and not read.
/// </summary>
/// <param name="Shape">Heads, widths, scale.</param>
/// <param name="Context">Width of the output: the longest sequence.</param>
public sealed record AttentionScoresOp(AttentionShape Shape, int Context) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "attention-scores";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 4 && inputs[0].Width == Shape.QueryRow, "takes queries, lengths, page starts and pages");
        return [ValueShape.Floats(inputs[0].Rows.Times(Shape.Heads), Context)];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size) =>
        Footprint.Whole(node, size) with
        {
            KvRead = (long)size.Tokens * size.Context * node.Kv!.KeyRow,
            MultiplyAdds = (long)size.Tokens * size.Context * Shape.Heads * Shape.KeyWidth,
        };
}
