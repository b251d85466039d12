using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>What turns router logits into probabilities.</summary>
public enum RouterGate
{
    /// <summary>Softmax over all experts.</summary>
    Softmax,

    /// <summary>Sigmoid of each expert's logit (DeepSeek-V3).</summary>
    Sigmoid,
}

/// <summary>
/// Chooses the experts of each token (Shazeer et al., 2017): gate, top-k by probability plus an optional selection bias, weights of the
/// chosen ones, optionally normalized to sum 1, times a scale. Ties go to the lower expert.
/// Inputs: logits F32[T, experts]. Weights: optionally the selection bias F32 [experts]. Outputs: ids I32[T, used], weights F32[T, used].
/// </summary>
/// <param name="Used">Experts chosen for a token.</param>
/// <param name="Gate">What turns logits into probabilities.</param>
/// <param name="Normalize">Whether the chosen weights are divided by their sum.</param>
/// <param name="Scale">Factor on the weights.</param>
public sealed record RouteOp(int Used, RouterGate Gate, bool Normalize, float Scale = 1) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "route";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 1 && weights.Count <= 1, "takes logits and at the most one bias");
        Require(Used > 0 && Used <= inputs[0].Width, $"cannot choose {Used} of {inputs[0].Width} experts");
        Require(weights.Count == 0 || weights[0].Width == inputs[0].Width, "the bias must have one element per expert");
        return [ValueShape.Integers(inputs[0].Rows, Used), ValueShape.Floats(inputs[0].Rows, Used)];
    }
}
