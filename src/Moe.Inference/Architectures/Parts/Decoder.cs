using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Architectures.Parts;

/// <summary>Adds one half of a layer: takes the normalized hidden state, returns what is added to the hidden state.</summary>
internal delegate GraphValue LayerHalf(ModelBuild build, int layer, GraphValue x);

/// <summary>The frame of a decoder with normalization before each half of a layer and residual connections around it.</summary>
internal static class Decoder
{
    /// <summary>The rotations that all layers use, with the file's frequency divisors where it has them.</summary>
    public static GraphValue Rope(ModelBuild build)
    {
        Hyperparameters shape = build.Shape;
        Weight? divisors = build.Weights.OptionalVector("rope_freqs.weight", shape.RopeWidth / 2);
        return build.Graph.Add("rope", new RopeTableOp(shape.RopeWidth, shape.RopeBase, shape.RopeScale), [build.Graph.Inputs.Positions], divisors is null ? [] : [divisors]);
    }

    /// <summary>Builds the whole model around its layers.</summary>
    public static ModelGraph Build(ModelBuild build, LayerHalf attention, LayerHalf feedForward)
    {
        (Hyperparameters shape, WeightDirectory weights, GraphBuilder graph) = build;
        int vocabulary = weights.RowsOf("token_embd.weight");
        Weight table = weights.Matrix("token_embd.weight", shape.Width, vocabulary);
        GraphValue state = graph.Add("embedding", new EmbeddingOp(), [graph.Inputs.TokenIds], [table]);
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            graph.Layer = layer;
            state = AddHalf(build, layer, "attn", state, attention);
            // Once the last layer's keys and values are stored, only the wanted rows go on.
            if (layer == shape.Layers - 1)
                state = graph.Add("wanted", new SelectRowsOp(), [state, graph.Inputs.OutputRows]);
            state = AddHalf(build, layer, "ffn", state, feedForward);
        }

        graph.Layer = -1;
        GraphValue normal = graph.Add("output_norm", new RmsNormOp(shape.Epsilon), [state], [weights.Vector("output_norm.weight", shape.Width)]);
        Weight output = weights.Has("output.weight") ? weights.Matrix("output.weight", shape.Width, vocabulary) : table;
        return graph.Build(graph.Add("logits", new MatMulOp(), [normal], [output]));
    }

    private static GraphValue AddHalf(ModelBuild build, int layer, string name, GraphValue state, LayerHalf half)
    {
        string label = $"blk.{layer}.{name}";
        Weight weight = build.Weights.Vector($"{label}_norm.weight", build.Shape.Width);
        GraphValue normal = build.Graph.Add($"{label}_norm", new RmsNormOp(build.Shape.Epsilon), [state], [weight]);
        return build.Graph.Add($"{label}_residual", new AddOp(), [state, half(build, layer, normal)]);
    }
}
