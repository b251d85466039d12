using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Ops;

/// <summary>
/// Copies a value from one device to another: the only way between devices. Planners insert it; backends carry it out themselves, without a
/// kernel. Inputs: one value. Output: like it.
/// </summary>
/// <param name="From">Where the value is.</param>
/// <param name="To">Where it goes.</param>
public sealed record TransferOp(Device From, Device To) : Operation
{
    /// <summary>The operation's name.</summary>
    public const string OpName = "transfer";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <summary>The device whose queue carries the copy out: the one that is not the host; between two devices the one that receives it.</summary>
    public Device Carrier => To.IsCpu ? From : To;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 1 && weights.Count == 0 && From != To, "takes one value, to another device");
        return [inputs[0].Shape];
    }
}
