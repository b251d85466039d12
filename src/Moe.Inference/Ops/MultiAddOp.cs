using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// The weighted sum of N tensors in one step: y = Σ weight_i · x_i, added in the order i = 0, 1, …. The tensors come stacked, N rows a token.
/// Inputs: x F32[T·N, width], weights F32[T, N]. Output: F32[T, width].
/// </summary>
/// <param name="Count">N.</param>
public sealed record MultiAddOp(int Count) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "multi-add";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override bool HasComposedForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 2 && weights.Count == 0, "takes stacked tensors and their weights");
        Require(Count > 0 && inputs[1].Width == Count && inputs[0].Rows == inputs[1].Rows.Times(Count), $"must be given {Count} rows and weights per token");
        return [ValueShape.Floats(inputs[1].Rows, inputs[0].Width)];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<GraphValue> Compose(GraphNode node, GraphBuilder builder, RunSize limits)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(builder);
        (GraphValue x, GraphValue weights) = (node.Inputs[0], node.Inputs[1]);
        GraphValue sum = builder.Add(Count == 1 ? node.Label : $"{node.Label}.0", new ScaledSlotOp(0, Count), [x, weights]);
        for (int slot = 1; slot < Count; slot++)
        {
            GraphValue term = builder.Add($"{node.Label}.{slot}", new ScaledSlotOp(slot, Count), [x, weights]);
            sum = builder.Add(slot == Count - 1 ? node.Label : $"{node.Label}.sum{slot}", new AddOp(), [sum, term]);
        }

        return [sum];
    }
}
