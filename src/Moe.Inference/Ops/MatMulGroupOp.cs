using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// Several matrices applied to one value in one step, such as queries, keys and values. Inputs: x F32[N, k]. Weights: N matrices [k, n_i].
/// Outputs: F32[N, n_i] each.
/// </summary>
public sealed record MatMulGroupOp : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "matmul-group";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override bool HasComposedForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 1 && weights.Count > 0, "takes one value and matrices");
        Require(weights.All(weight => weight.Width == inputs[0].Width && weight.Slices == 1), "each matrix must be as wide as the value");
        return [.. weights.Select(weight => ValueShape.Floats(inputs[0].Rows, weight.RowsPerSlice))];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size) => Footprint.Whole(node, size) with
    {
        MultiplyAdds = node.Weights.Sum(weight => (long)weight.Width * weight.RowsPerSlice) * node.Inputs[0].Rows.Resolve(size),
    };

    /// <inheritdoc/>
    public override IReadOnlyList<GraphValue> Compose(GraphNode node, GraphBuilder builder, RunSize limits)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(builder);
        return [.. node.Weights.Select((weight, i) => builder.Add($"{node.Label}.{i}", new MatMulOp(), [node.Inputs[0]], [weight]))];
    }
}
