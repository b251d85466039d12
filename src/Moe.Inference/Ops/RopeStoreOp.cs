using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// What attention does between its products in one step: normalizes queries and keys head by head if the model does, rotates both, and
/// writes keys and values into the layer's key/value memory. Inputs: queries F32[T, heads·headWidth], keys F32[T, KeyRow], values
/// F32[T, ValueRow], table F32[T, rotated], slots I32[T, 1]. Weights: none, or those of the queries' and the keys' normalization,
/// F32 [headWidth] each. Output: the rotated queries.
/// </summary>
/// <param name="HeadWidth">Elements of a head of queries and keys.</param>
/// <param name="Style">How elements pair up.</param>
/// <param name="Epsilon">ε of the normalization; of no effect without its weights.</param>
public sealed record RopeStoreOp(int HeadWidth, RopeStyle Style, float Epsilon) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "rope-store";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override bool HasComposedForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 5 && inputs[4].Width == 1, "takes queries, keys, values, a table and slots");
        Require(inputs[0].Width % HeadWidth == 0 && inputs[1].Width % HeadWidth == 0 && inputs[3].Width <= HeadWidth, "queries and keys must hold whole heads, no narrower than the table");
        Require(weights.Count == 0 || (weights.Count == 2 && weights.All(weight => weight.IsVector && weight.Width == HeadWidth)), "takes two vectors as wide as a head, or none");
        return [inputs[0].Shape];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size) =>
        Footprint.Whole(node, size) with { KvWritten = (long)size.Tokens * (node.Inputs[1].Width + node.Inputs[2].Width) };

    /// <inheritdoc/>
    public override IReadOnlyList<GraphValue> Compose(GraphNode node, GraphBuilder builder, RunSize limits)
    {
        ArgumentNullException.ThrowIfNull(node);
        ArgumentNullException.ThrowIfNull(builder);
        GraphValue Rotate(int which, string name)
        {
            GraphValue value = node.Inputs[which];
            if (node.Weights.Count > 0)
                value = builder.Add($"{node.Label}.{name}_norm", new RmsNormOp(Epsilon), [value], [node.Weights[which]]);
            return builder.Add($"{node.Label}.{name}_rope", new RopeOp(HeadWidth, Style), [value, node.Inputs[3]]);
        }

        GraphValue queries = Rotate(0, "q"), keys = Rotate(1, "k");
        builder.AddNode($"{node.Label}.store", new KvStoreOp(), [keys, node.Inputs[2], node.Inputs[4]], kv: node.Kv);
        return [queries];
    }
}
