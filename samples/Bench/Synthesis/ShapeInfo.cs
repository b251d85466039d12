using Moe.Inference.Architectures;
using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Bench.Synthesis;

/// <summary>A shape as a model to plan: the tensors that <see cref="SyntheticModel"/> would write, without any data.</summary>
internal static class ShapeInfo
{
    /// <summary>Describes a model.</summary>
    /// <param name="shape">Its sizes.</param>
    /// <param name="type">Element type of matrices.</param>
    /// <param name="outputType">Element type of the output matrix.</param>
    public static ModelOutline Of(ModelShape shape, ElementType type = ElementType.Q4_K, ElementType outputType = ElementType.Q6_K) => ModelOutline.Create(
        shape.Name,
        new Hyperparameters
        {
            Architecture = shape.HasExperts ? "qwen3moe" : "qwen3",
            Layers = shape.Layers,
            ContextLength = shape.ContextLength,
            Width = shape.Width,
            FeedForward = shape.FeedForward,
            Heads = shape.Heads,
            KvHeads = shape.KvHeads,
            KeyWidth = shape.HeadWidth,
            ValueWidth = shape.HeadWidth,
            Epsilon = 1e-6f,
            RopeBase = 1e6f,
            RopeWidth = shape.HeadWidth,
            RopeScale = 1,
            Experts = shape.Experts,
            ExpertsUsed = shape.ExpertsUsed,
            ExpertFeedForward = shape.ExpertFeedForward,
        },
        [.. Frame(shape, type, outputType), .. Enumerable.Range(0, shape.Layers).SelectMany(layer => Layer(shape, $"blk.{layer}.", type))]);

    private static IEnumerable<Weight> Frame(ModelShape shape, ElementType type, ElementType outputType)
    {
        yield return new Weight("token_embd.weight", shape.TiedOutput ? outputType : type, shape.Width, shape.Vocabulary);
        if (!shape.TiedOutput)
            yield return new Weight("output.weight", outputType, shape.Width, shape.Vocabulary);
        yield return new Weight("output_norm.weight", ElementType.F32, shape.Width);
    }

    private static IEnumerable<Weight> Layer(ModelShape shape, string prefix, ElementType type)
    {
        int queries = shape.Heads * shape.HeadWidth, keys = shape.KvHeads * shape.HeadWidth;
        yield return new Weight($"{prefix}attn_norm.weight", ElementType.F32, shape.Width);
        yield return new Weight($"{prefix}attn_q.weight", type, shape.Width, queries);
        yield return new Weight($"{prefix}attn_k.weight", type, shape.Width, keys);
        yield return new Weight($"{prefix}attn_v.weight", type, shape.Width, keys);
        yield return new Weight($"{prefix}attn_output.weight", type, queries, shape.Width);
        yield return new Weight($"{prefix}attn_q_norm.weight", ElementType.F32, shape.HeadWidth);
        yield return new Weight($"{prefix}attn_k_norm.weight", ElementType.F32, shape.HeadWidth);
        yield return new Weight($"{prefix}ffn_norm.weight", ElementType.F32, shape.Width);
        (int hidden, int experts, string suffix) = shape.HasExperts ? (shape.ExpertFeedForward, shape.Experts, "_exps") : (shape.FeedForward, 1, "");
        if (shape.HasExperts)
            yield return new Weight($"{prefix}ffn_gate_inp.weight", ElementType.F32, shape.Width, shape.Experts);
        yield return new Weight($"{prefix}ffn_gate{suffix}.weight", type, shape.Width, hidden, experts);
        yield return new Weight($"{prefix}ffn_up{suffix}.weight", type, shape.Width, hidden, experts);
        yield return new Weight($"{prefix}ffn_down{suffix}.weight", type, hidden, shape.Width, experts);
    }
}
