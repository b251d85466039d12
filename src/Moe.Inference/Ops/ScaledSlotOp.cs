using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// One of the stacked tensors of a multi-add, times its weight: a step of the composed form. Inputs: x F32[T·count, width],
/// weights F32[T, count]. Output: F32[T, width].
/// </summary>
/// <param name="Slot">Which of a token's rows, from 0.</param>
/// <param name="Count">Rows per token.</param>
public sealed record ScaledSlotOp(int Slot, int Count) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "scaled-slot";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 2 && weights.Count == 0 && Slot >= 0 && Slot < Count, "takes stacked tensors and their weights");
        Require(inputs[1].Width == Count && inputs[0].Rows == inputs[1].Rows.Times(Count), $"must be given {Count} rows and weights per token");
        return [ValueShape.Floats(inputs[1].Rows, inputs[0].Width)];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size)
    {
        Footprint whole = Footprint.Whole(node, size);
        return whole with { Inputs = [whole.Inputs[0] / Count, whole.Inputs[1]] };
    }
}
