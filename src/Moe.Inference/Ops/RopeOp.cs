using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// Rotates the first elements of each head by a table of <see cref="RopeTableOp"/>; the rest of a head passes unchanged.
/// Inputs: x F32[T, heads·headWidth], table F32[T, rotated]. Output: like x.
/// </summary>
/// <param name="HeadWidth">Elements of a head.</param>
/// <param name="Style">How elements pair up.</param>
public sealed record RopeOp(int HeadWidth, RopeStyle Style) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "rope";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 2 && weights.Count == 0, "takes a value and a table");
        Require(inputs[0].Width % HeadWidth == 0 && inputs[1].Width <= HeadWidth, "the value must hold whole heads, no narrower than the table");
        Require(inputs[0].Rows == inputs[1].Rows, "value and table must have the same rows");
        return [inputs[0].Shape];
    }
}
