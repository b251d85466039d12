using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// A sum and its root-mean-square normalization in one pass: what closes one half of a layer and opens the next. Inputs: a, b F32[N, width].
/// Weights: F32 [width]. Outputs: a + b, and <see cref="RmsNormOp"/> of it, both F32[N, width].
/// </summary>
/// <param name="Epsilon">ε of the normalization.</param>
public sealed record AddNormOp(float Epsilon) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "add-norm";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override bool HasComposedForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 2 && inputs[0].Shape == inputs[1].Shape, "takes two values of equal shape");
        Require(weights.Count == 1 && weights[0].IsVector && weights[0].Width == inputs[0].Width, "takes one vector as wide as a row");
        return [inputs[0].Shape, inputs[0].Shape];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<GraphValue> Compose(GraphNode node, GraphBuilder builder, RunSize limits)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(builder);
        GraphValue sum = builder.Add($"{node.Label}.sum", new AddOp(), [node.Inputs[0], node.Inputs[1]]);
        return [sum, builder.Add(node.Label, new RmsNormOp(Epsilon), [sum], [node.Weights[0]])];
    }
}
