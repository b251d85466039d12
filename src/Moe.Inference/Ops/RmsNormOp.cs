using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// Root-mean-square normalization (Zhang and Sennrich, 2019): x / sqrt(mean(x²) + ε) · w over groups as wide as the weight, so that one
/// operation serves whole rows and single heads. Inputs: x F32[N, g·width]. Weights: F32 [width]. Output: like x.
/// </summary>
/// <param name="Epsilon">ε.</param>
public sealed record RmsNormOp(float Epsilon) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "rms-norm";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 1 && weights.Count == 1 && weights[0].IsVector, "takes one value and one vector");
        Require(inputs[0].Width % weights[0].Width == 0, "the value's width must be a multiple of the weight's");
        return [inputs[0].Shape];
    }
}
