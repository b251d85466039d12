using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// The sum of N values in one step, added in the order of the operands: what joins the parts of a layer whose experts live on several
/// devices. Inputs: N values of equal shape. Output: like them.
/// </summary>
public sealed record SumOp : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "sum";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override bool HasComposedForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count >= 2 && weights.Count == 0 && inputs.All(input => input.Shape == inputs[0].Shape), "takes two or more values of equal shape");
        return [inputs[0].Shape];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<GraphValue> Compose(GraphNode node, GraphBuilder builder, RunSize limits)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(builder);
        GraphValue sum = node.Inputs[0];
        for (int i = 1; i < node.Inputs.Count; i++)
            sum = builder.Add(i == node.Inputs.Count - 1 ? node.Label : $"{node.Label}.{i}", new AddOp(), [sum, node.Inputs[i]]);
        return [sum];
    }
}
