using Moe.Inference.Graph;

namespace Moe.Inference.Planning.Fusions;

/// <summary>A run of neighbouring nodes that one operation can stand for.</summary>
internal interface IFusion
{
    /// <summary>The operation's name in the registry.</summary>
    string Operation { get; }

    /// <summary>Looks whether nodes from the first one on match.</summary>
    /// <param name="nodes">The nodes that follow each other on one device.</param>
    /// <returns>What stands for them, or null.</returns>
    FusedNodes? Match(ReadOnlySpan<GraphNode> nodes);
}

/// <summary>One operation in the place of several nodes.</summary>
/// <param name="Count">Nodes that it stands for.</param>
/// <param name="Label">Name for people.</param>
/// <param name="Operation">The operation.</param>
/// <param name="Inputs">Its inputs, values of the old graph.</param>
/// <param name="Weights">Its weights.</param>
/// <param name="Outputs">The old values that its outputs are, in order.</param>
/// <param name="Kv">The key/value memory it uses.</param>
internal sealed record FusedNodes(
    int Count, string Label, Operation Operation, IReadOnlyList<GraphValue> Inputs, IReadOnlyList<Weight> Weights, IReadOnlyList<GraphValue> Outputs, KvLayer? Kv = null);
