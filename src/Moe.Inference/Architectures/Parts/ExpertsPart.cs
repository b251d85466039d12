using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Architectures.Parts;

/// <summary>A mixture of experts: router, chosen experts, weighted sum.</summary>
/// <param name="HiddenWidth">Hidden width of one expert.</param>
/// <param name="Gate">What turns router logits into probabilities.</param>
/// <param name="Normalize">Whether the chosen weights sum to 1.</param>
internal sealed record ExpertsPart(int HiddenWidth, RouterGate Gate, bool Normalize)
{
    /// <summary>Adds a layer's experts to the graph.</summary>
    /// <returns>What the experts add to the hidden state.</returns>
    public GraphValue Add(ModelBuild build, int layer, GraphValue x)
    {
        (Hyperparameters shape, WeightDirectory weights, GraphBuilder graph) = build;
        string prefix = $"blk.{layer}.ffn_";
        GraphValue logits = graph.Add($"{prefix}router", new MatMulOp(), [x], [weights.Matrix($"{prefix}gate_inp.weight", shape.Width, shape.Experts)]);
        IReadOnlyList<GraphValue> chosen = graph.AddNode($"{prefix}route", new RouteOp(shape.ExpertsUsed, Gate, Normalize), [logits]).Outputs;
        GraphValue experts = graph.Add(
            $"{prefix}experts",
            new FusedMoeOp(shape.ExpertsUsed, ActivationKind.Silu),
            [x, chosen[0]],
            [
                weights.Experts($"{prefix}gate_exps.weight", shape.Width, HiddenWidth, shape.Experts),
                weights.Experts($"{prefix}up_exps.weight", shape.Width, HiddenWidth, shape.Experts),
                weights.Experts($"{prefix}down_exps.weight", HiddenWidth, shape.Width, shape.Experts),
            ]);
        return graph.Add($"{prefix}sum", new MultiAddOp(shape.ExpertsUsed), [experts, chosen[1]]);
    }
}
