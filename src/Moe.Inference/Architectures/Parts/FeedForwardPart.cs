using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Architectures.Parts;

/// <summary>A dense gated feed-forward network: down · (f(gate · x) ⊙ (up · x)).</summary>
internal static class FeedForwardPart
{
    /// <summary>Adds a layer's network to the graph.</summary>
    /// <returns>What the network adds to the hidden state.</returns>
    public static GraphValue Add(ModelBuild build, int layer, GraphValue x)
    {
        (Hyperparameters shape, WeightDirectory weights, GraphBuilder graph) = build;
        string prefix = $"blk.{layer}.ffn_";
        GraphValue gate = graph.Add($"{prefix}gate", new MatMulOp(), [x], [weights.Matrix($"{prefix}gate.weight", shape.Width, shape.FeedForward)]);
        GraphValue up = graph.Add($"{prefix}up", new MatMulOp(), [x], [weights.Matrix($"{prefix}up.weight", shape.Width, shape.FeedForward)]);
        GraphValue hidden = graph.Add($"{prefix}hidden", new GatedActivationOp(ActivationKind.Silu), [gate, up]);
        return graph.Add($"{prefix}down", new MatMulOp(), [hidden], [weights.Matrix($"{prefix}down.weight", shape.FeedForward, shape.Width)]);
    }
}
