using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// y = W·x for each row x. Inputs: x F32[N, k]. Weights: W [k, n], optionally a bias F32 [n]. Output: F32[N, n].
/// </summary>
public sealed record MatMulOp : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "matmul";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 1 && weights.Count is 1 or 2, "takes one value, one matrix and at the most one bias");
        Require(weights[0].Width == inputs[0].Width && weights[0].Slices == 1, "the matrix's row length must be the value's width");
        Require(weights.Count == 1 || (weights[1].IsVector && weights[1].Width == weights[0].RowsPerSlice), "the bias must have one element per row of the matrix");
        return [ValueShape.Floats(inputs[0].Rows, weights[0].RowsPerSlice)];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size) =>
        Footprint.Whole(node, size) with { MultiplyAdds = (long)node.Inputs[0].Rows.Resolve(size) * node.Weights[0].Width * node.Weights[0].RowsPerSlice };
}
