using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Ops;

/// <summary>
/// Sends the weights of experts that a batch is likely to choose, going by what the batch before chose, to a device, before the choice is
/// known. What is missing comes by <see cref="StageExpertsOp"/>. Like a transfer it has no kernel. Weights: gate, up, down, on the host.
/// Output: I8[1, bytes] on the device, room for all experts; those that are not sent stay unwritten.
/// </summary>
/// <param name="Target">The device.</param>
/// <param name="Rows">The batch's rows that choose experts.</param>
public sealed record PrefetchExpertsOp(Device Target, RowCount Rows) : Operation
{
    /// <summary>The operation's name.</summary>
    public const string OpName = "prefetch-experts";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 0 && weights.Count > 0 && weights.All(weight => weight.Slices == weights[0].Slices), "takes the experts' matrices");
        return [RoomFor(weights)];
    }

    internal static ValueShape RoomFor(IReadOnlyList<Weight> weights) =>
        new(ElementType.I8, new RowCount(RowSymbol.One), checked((int)StageExpertsOp.Offsets(weights)[^1]));
}
