using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// The feed-forward networks of the chosen experts and their weighted sum in one step: Σ weight_i · down_e · (f(gate_e · x) ⊙ (up_e · x))
/// over the chosen experts e, added in the order of the ids. Inputs: x F32[T, width], ids I32[T, used], weights F32[T, used], and, like
/// <see cref="FusedMoeOp"/>, at the most one copy of the matrices. Weights: gate, up, down as there. Output: F32[T, width].
/// </summary>
/// <param name="Experts">What computes the networks.</param>
public sealed record MoeSumOp(FusedMoeOp Experts) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "moe-sum";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override bool HasComposedForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count is 3 or 4 && inputs[2].Shape == ValueShape.Floats(inputs[0].Rows, Experts.Used), "takes a value, ids, a weight for each, and at the most one copy of the matrices");
        return [ValueShape.Floats(inputs[0].Rows, Experts.InferOutputs(Networks(inputs), weights)[0].Width)];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size)
    {
        long rows = (long)node.Outputs[0].Rows.Resolve(size) * Experts.Used, active = Math.Min(rows, node.Weights[0].Slices);
        return Footprint.Whole(node, size) with
        {
            Weights = [.. node.Weights.Select(weight => active * weight.SliceBytes)],
            MultiplyAdds = rows * node.Weights.Sum(weight => (long)weight.Width * weight.RowsPerSlice),
        };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<GraphValue> Compose(GraphNode node, GraphBuilder builder, RunSize limits)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(builder);
        GraphValue rows = builder.Add($"{node.Label}.experts", Experts, Networks(node.Inputs), [.. node.Weights]);
        return [builder.Add(node.Label, new MultiAddOp(Experts.Used), [rows, node.Inputs[2]])];
    }

    private static GraphValue[] Networks(IReadOnlyList<GraphValue> inputs) => inputs.Count == 4 ? [inputs[0], inputs[1], inputs[3]] : [inputs[0], inputs[1]];
}
