using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Ops;

/// <summary>
/// Sends the weights of a batch's chosen experts from the host to a device, for one fused MoE there, as far as a
/// <see cref="PrefetchExpertsOp"/> has not. Planners insert it where a policy says that it pays; like a transfer it has no kernel.
/// Inputs: ids I32[T, used], on the host; room I8[1, bytes] on the device, which it fills. Weights: gate, up, down, on the host.
/// </summary>
/// <param name="Target">The device.</param>
public sealed record StageExpertsOp(Device Target) : Operation
{
    /// <summary>The operation's name.</summary>
    public const string OpName = "stage-experts";

    private const long Alignment = 64;

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <summary>Where each tensor begins in the output, and at the end the output's length.</summary>
    public static long[] Offsets(IReadOnlyList<Weight> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        long[] offsets = new long[weights.Count + 1];
        for (int i = 0; i < weights.Count; i++)
            offsets[i + 1] = checked(offsets[i] + ((weights[i].ByteLength + Alignment - 1) / Alignment * Alignment));
        return offsets;
    }

    /// <summary>Whether the tensors fit one output.</summary>
    public static bool Fits(IReadOnlyList<Weight> weights) => Offsets(weights)[^1] <= int.MaxValue;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 2 && weights.Count > 0 && weights.All(weight => weight.Slices == weights[0].Slices), "takes ids, room and the experts' matrices");
        Require(inputs[1].Shape == PrefetchExpertsOp.RoomFor(weights), "the room must be for all experts");
        return [];
    }

    /// <inheritdoc/>
    public override Footprint GetFootprint(GraphNode node, RunSize size)
    {
        long active = Math.Min((long)node.Inputs[0].Rows.Resolve(size) * node.Inputs[0].Width, node.Weights[0].Slices);
        return Footprint.Whole(node, size) with { Weights = [.. node.Weights.Select(weight => active * weight.SliceBytes)] };
    }
}
