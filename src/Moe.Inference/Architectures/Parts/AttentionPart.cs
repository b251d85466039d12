using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Architectures.Parts;

/// <summary>Grouped-query attention with rotary embedding.</summary>
/// <param name="Rope">The run's rotations.</param>
/// <param name="Style">How rotary embedding pairs elements.</param>
/// <param name="NormalizeHeads">Whether queries and keys are normalized head by head before rotation (Qwen3).</param>
internal sealed record AttentionPart(GraphValue Rope, RopeStyle Style, bool NormalizeHeads = false)
{
    /// <summary>Adds a layer's attention to the graph.</summary>
    /// <param name="build">The model.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="x">The normalized hidden state, F32[T, width].</param>
    /// <returns>What attention adds to the hidden state.</returns>
    public GraphValue Add(ModelBuild build, int layer, GraphValue x)
    {
        (Hyperparameters shape, WeightDirectory weights, GraphBuilder graph) = build;
        AttentionShape heads = new(shape.Heads, shape.KvHeads, shape.KeyWidth, shape.ValueWidth, 1 / MathF.Sqrt(shape.KeyWidth));
        KvLayer kv = new(layer, shape.KvHeads, shape.KeyWidth, shape.ValueWidth);
        string prefix = $"blk.{layer}.attn_";

        GraphValue Project(string name, int rows)
        {
            Weight matrix = weights.Matrix($"{prefix}{name}.weight", shape.Width, rows);
            Weight? bias = weights.OptionalVector($"{prefix}{name}.bias", rows);
            return graph.Add($"{prefix}{name}", new MatMulOp(), [x], bias is null ? [matrix] : [matrix, bias]);
        }

        GraphValue Rotate(string name, GraphValue value)
        {
            if (NormalizeHeads)
                value = graph.Add($"{prefix}{name}_norm", new RmsNormOp(shape.Epsilon), [value], [weights.Vector($"{prefix}{name}_norm.weight", shape.KeyWidth)]);
            return graph.Add($"{prefix}{name}_rope", new RopeOp(shape.KeyWidth, Style), [value, Rope]);
        }

        GraphValue queries = Project("q", heads.QueryRow);
        GraphValue keys = Project("k", kv.KeyRow);
        GraphValue values = Project("v", kv.ValueRow);
        queries = Rotate("q", queries);
        keys = Rotate("k", keys);
        graph.AddNode($"{prefix}store", new KvStoreOp(), [keys, values, graph.Inputs.KvSlots], kv: kv);
        GraphValue mixed = graph.Add($"{prefix}mix", new FlashAttentionOp(heads), [queries, graph.Inputs.KvLengths, graph.Inputs.PageStarts, graph.Inputs.Pages], kv: kv);
        Weight output = weights.Matrix($"{prefix}output.weight", heads.OutputRow, shape.Width);
        Weight? outputBias = weights.OptionalVector($"{prefix}output.bias", shape.Width);
        return graph.Add($"{prefix}output", new MatMulOp(), [mixed], outputBias is null ? [output] : [output, outputBias]);
    }
}
