using Moe.Inference.Graph;

namespace Moe.Inference.Ops;

/// <summary>How rotary embedding pairs the elements of a head.</summary>
public enum RopeStyle
{
    /// <summary>Element i with element i + half (GPT-NeoX, Qwen).</summary>
    Halves,

    /// <summary>Element 2i with element 2i + 1 (GPT-J, LLaMA as GGUF files hold it).</summary>
    Pairs,
}

/// <summary>
/// The rotations of rotary position embedding (Su et al., 2021) for each token, computed once a run and used by all layers.
/// Inputs: positions I32[T, 1]. Weights: optionally frequency divisors F32 [width / 2] (LLaMA 3's scaling).
/// Output: F32[T, width]: width / 2 cosines, then width / 2 sines, of position · base^(−2i / width) / divisor · scale.
/// </summary>
/// <param name="Width">Rotated elements of a head; even.</param>
/// <param name="Base">Frequency base.</param>
/// <param name="Scale">Factor on positions (linear scaling), 1 for none.</param>
public sealed record RopeTableOp(int Width, float Base, float Scale = 1) : Operation
{
    /// <summary>The name in the registry.</summary>
    public const string OpName = "rope-table";

    /// <inheritdoc/>
    public override string Name => OpName;

    /// <inheritdoc/>
    public override IReadOnlyList<ValueShape> InferOutputs(IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights)
    {
        Require(inputs.Count == 1 && inputs[0].Width == 1, "takes positions");
        Require(Width > 0 && Width % 2 == 0, "the rotated width must be even");
        Require(weights.Count == 0 || (weights.Count == 1 && weights[0].IsVector && weights[0].Width == Width / 2), "takes one divisor per pair");
        return [ValueShape.Floats(inputs[0].Rows, Width)];
    }
}
