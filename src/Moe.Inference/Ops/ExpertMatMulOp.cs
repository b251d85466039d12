using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// A product with the matrix of each chosen expert: a step of the composed mixture of experts. Inputs: x F32[T, k] (the same row for all
/// chosen experts) or F32[T·used, k] (a row for each), ids I32[T, used]. Weights: W [k, n, experts]. Output: F32[T·used, n]; rows of experts
/// that the weights do not hold are zero.
/// </summary>
/// <param name="Used">Experts chosen for a token.</param>
/// <param name="FirstExpert">The expert that the first matrix belongs to.</param>
public sealed record ExpertMatMulOp(int Used, int FirstExpert = 0) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "expert-matmul";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 2 && weights.Count == 1, "takes a value, ids and the experts' matrices");
        Require(inputs[1].Width == Used, "ids must name the chosen experts of each token");
        Require(inputs[0].Rows == inputs[1].Rows || inputs[0].Rows == inputs[1].Rows.Times(Used), "the value must have a row per token or per chosen expert");
        Require(weights[0].Width == inputs[0].Width, "the matrices' row length must be the value's width");
        return [ValueShape.Floats(inputs[1].Rows.Times(Used), weights[0].RowsPerSlice)];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size)
    {
        Weight matrices = node.Weights[0];
        long rows = node.Outputs[0].Rows.Resolve(size), active = Math.Min(rows, matrices.Slices);
        return Footprint.Whole(node, size) with
        {
            Weights = [active * matrices.SliceBytes],
            MultiplyAdds = rows * matrices.Width * matrices.RowsPerSlice,
        };
    }
}
