using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>
/// What most ways of sampling need of a row of logits: the greatest of them, and the normalizer of them all. Input: logits F32[R, vocabulary].
/// Output: F32[R, 2 + 2·count]: Σ e^(x − greatest) over the row, as the sum of two numbers; the greatest logits in descending order, of equal ones the lower token
/// first; and their tokens, as numbers. Of a row with fewer logits than count, or fewer above negative infinity, what is left over is a
/// logit of 0 with token −1. Of a row without a finite greatest one, and of one that holds NaN, everything is 0 and −1.
/// </summary>
/// <param name="Count">How many logits are found, at least 1.</param>
public sealed record TopLogitsOp(int Count) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "top-logits";

    /// <summary>The widest rows: float32 holds the numbers of all tokens up to here.</summary>
    internal const int WidestRow = 1 << 24;

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <summary>Where the logits begin in a row of the output.</summary>
    internal static int LogitsAt => 2;

    /// <summary>Where the tokens begin in a row of the output.</summary>
    internal int TokensAt => LogitsAt + Count;

    /// <summary>How many logits a value holds that was made so.</summary>
    internal static int CountOf(GraphValue value) => (value.Width - LogitsAt) / 2;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(Count > 0, "finds at least one");
        Require(inputs.Count == 1 && weights.Count == 0, "takes logits");
        Require(inputs[0].Width <= WidestRow, $"float32 does not hold the numbers of {inputs[0].Width} tokens");
        return [ValueShape.Floats(inputs[0].Rows, LogitsAt + (2 * Count))];
    }
}
