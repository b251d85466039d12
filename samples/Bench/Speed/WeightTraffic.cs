using Moe.Inference.Graph;

namespace Moe.Inference.Bench.Speed;

/// <summary>How much of a model's weights one generated token reads: what memory bandwidth allows at the most.</summary>
internal static class WeightTraffic
{
    /// <summary>Bytes of weights that the operations of a graph declare to read for one token of one conversation.</summary>
    public static long BytesPerToken(ModelGraph graph)
    {
        RunSize oneToken = new(Tokens: 1, Outputs: 1, Pages: 1, Context: 1);
        return graph.Nodes.Sum(node => node.Operation.GetFootprint(node, oneToken).Weights.Sum());
    }
}
