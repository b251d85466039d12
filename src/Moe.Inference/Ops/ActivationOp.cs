using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>An element-wise function.</summary>
public enum ActivationKind
{
    /// <summary>x · sigmoid(x) (Elfwing et al., 2017).</summary>
    Silu,
}

/// <summary>Applies a function to each element. Inputs: x F32. Output: like x.</summary>
/// <param name="Kind">The function.</param>
public sealed record ActivationOp(ActivationKind Kind) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "activation";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 1 && weights.Count == 0, "takes one value");
        return [inputs[0].Shape];
    }
}
