using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>a + b, element by element. Inputs: a, b, of equal shape. Output: like a.</summary>
public sealed record AddOp : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "add";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 2 && inputs[0].Shape == inputs[1].Shape && weights.Count == 0, "takes two values of equal shape");
        return [inputs[0].Shape];
    }
}
