using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// Softmax over the first kvLength elements of each row. Inputs: scores F32[T·heads, context], kvLengths I32[T, 1].
/// Output: like scores; elements from kvLength on are not written.
/// </summary>
/// <param name="Heads">Rows of scores per token.</param>
public sealed record MaskedSoftmaxOp(int Heads) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "masked-softmax";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 2 && inputs[0].Rows == inputs[1].Rows.Times(Heads), "takes scores of all heads, and lengths");
        return [inputs[0].Shape];
    }
}
