using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Ops;

/// <summary>
/// Copies a value from one device to another: the only way between devices. Planners insert it; backends carry it out themselves, without a
/// kernel. Inputs: one value. Output: like it.
/// </summary>
/// <param name="From">Where the value is.</param>
/// <param name="To">Where it goes. One of the two is the host.</param>
public sealed record TransferOp(Device From, Device To) : Operation
{
    /// <summary>The operation's name.</summary>
    public const string OpName = "transfer";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <summary>The device whose queue carries the copy out: the one that is not the host.</summary>
    public Device Carrier => From.IsCpu ? To : From;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 1 && weights.Count == 0 && From != To && (From.IsCpu || To.IsCpu), "takes one value, from or to the host");
        return [inputs[0].Shape];
    }
}
