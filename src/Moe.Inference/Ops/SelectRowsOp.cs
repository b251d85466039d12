using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>Picks the rows whose logits are wanted. Inputs: x F32[T, width], rows I32[R, 1]. Output: F32[R, width].</summary>
public sealed record SelectRowsOp : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "select-rows";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 2 && inputs[1].Width == 1 && weights.Count == 0, "takes a value and row numbers");
        return [ValueShape.Floats(inputs[1].Rows, inputs[0].Width)];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size)
    {
        Footprint whole = Footprint.Whole(node, size);
        return whole with { Inputs = [whole.Outputs[0], whole.Inputs[1]] };
    }
}
