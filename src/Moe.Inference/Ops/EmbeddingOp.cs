using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// Looks up one row of a table per token, decoded to float32. Inputs: token ids I32[T, 1]. Weights: table [width, vocabulary].
/// Output: F32[T, width].
/// </summary>
public sealed record EmbeddingOp : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "embedding";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 1 && inputs[0].Width == 1 && weights.Count == 1 && weights[0].Slices == 1, "takes ids and one table");
        return [ValueShape.Floats(inputs[0].Rows, weights[0].Width)];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size) =>
        Footprint.Whole(node, size) with { Weights = [Math.Min(size.Tokens, node.Weights[0].RowsPerSlice) * node.Weights[0].RowBytes] };
}
