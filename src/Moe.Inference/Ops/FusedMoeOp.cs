using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// The feed-forward networks of the chosen experts in one operation: down_e · (f(gate_e · x) ⊙ (up_e · x)) for each chosen expert e, not yet
/// weighted. Inputs: x F32[T, width], ids I32[T, used]. Weights: gate [width, hidden, experts], up (same), down [hidden, width, experts].
/// A third input, if any, holds the weights' copy that a <see cref="StageExpertsOp"/> made on the node's device, to be used in their place.
/// Output: F32[T·used, width], the rows of a token in the order of its ids; rows of experts that the weights do not hold are zero.
/// </summary>
/// <param name="Used">Experts chosen for a token.</param>
/// <param name="Activation">The function f.</param>
/// <param name="FirstExpert">The expert that the first matrix belongs to: not 0 where a layer's experts are split over devices.</param>
public sealed record FusedMoeOp(int Used, ActivationKind Activation, int FirstExpert = 0) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "fused-moe";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override bool HasComposedForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count is 2 or 3 && weights.Count == 3, "takes a value, ids, at the most one copy of the weights, and gate, up and down");
        (Weight gate, Weight up, Weight down) = (weights[0], weights[1], weights[2]);
        Require(inputs[1].Width == Used && inputs[0].Rows == inputs[1].Rows, "ids must name the chosen experts of each token");
        Require(gate.Width == inputs[0].Width && up.Width == gate.Width && up.RowsPerSlice == gate.RowsPerSlice, "gate and up must map the value's width to one hidden width");
        Require(down.Width == gate.RowsPerSlice && down.Slices == gate.Slices && up.Slices == gate.Slices, "down must map the hidden width back, for as many experts");
        return [ValueShape.Floats(inputs[0].Rows.Times(Used), down.RowsPerSlice)];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size)
    {
        long rows = node.Outputs[0].Rows.Resolve(size), active = Math.Min(rows, node.Weights[0].Slices);
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
        (GraphValue x, GraphValue ids) = (node.Inputs[0], node.Inputs[1]);
        GraphValue gate = builder.Add($"{node.Label}.gate", new ExpertMatMulOp(Used, FirstExpert), [x, ids], [node.Weights[0]]);
        GraphValue up = builder.Add($"{node.Label}.up", new ExpertMatMulOp(Used, FirstExpert), [x, ids], [node.Weights[1]]);
        GraphValue hidden = builder.Add($"{node.Label}.hidden", new GatedActivationOp(Activation), [gate, up]);
        return [builder.Add(node.Label, new ExpertMatMulOp(Used, FirstExpert), [hidden, ids], [node.Weights[2]])];
    }
}
