using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// f(gate) · up, element by element (Shazeer, 2020, GLU variants). Inputs: gate, up, of equal shape. Output: like gate.
/// </summary>
/// <param name="Kind">The function f.</param>
public sealed record GatedActivationOp(ActivationKind Kind) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "gated-activation";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override bool HasComposedForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 2 && inputs[0].Shape == inputs[1].Shape, "takes two values of equal shape");
        return [inputs[0].Shape];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<GraphValue> Compose(GraphNode node, GraphBuilder builder, RunSize limits)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(builder);
        GraphValue activated = builder.Add($"{node.Label}.activation", new ActivationOp(Kind), [node.Inputs[0]]);
        return [builder.Add(node.Label, new MulOp(), [activated, node.Inputs[1]])];
    }
}
