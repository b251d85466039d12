using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// Writes keys and values of the batch's tokens into a layer's key/value memory. Inputs: keys F32[T, KeyRow], values F32[T, ValueRow],
/// slots I32[T, 1]. No output: later nodes of the layer read the memory.
/// </summary>
public sealed record KvStoreOp : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "kv-store";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 3 && weights.Count == 0 && inputs[2].Width == 1, "takes keys, values and slots");
        return [];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size) =>
        Footprint.Whole(node, size) with { KvWritten = (long)size.Tokens * (node.Inputs[0].Width + node.Inputs[1].Width) };
}
