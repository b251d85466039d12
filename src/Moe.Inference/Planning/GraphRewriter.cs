using Moe.Inference.Graph;

namespace Moe.Inference.Planning;

/// <summary>A new graph made from an old one: what passes share. Values of the old graph are looked up by what stands for them in the new one.</summary>
internal sealed class GraphRewriter
{
    private readonly GraphValue?[] _map;

    /// <summary>Starts a new graph with the inputs of an old one.</summary>
    public GraphRewriter(ModelGraph old)
    {
        Old = old;
        _map = new GraphValue?[old.ValueCount];
        for (int i = 0; i < old.Inputs.All.Count; i++)
            _map[old.Inputs.All[i].Id] = Builder.Inputs.All[i];
    }

    /// <summary>The old graph.</summary>
    public ModelGraph Old { get; }

    /// <summary>The new graph.</summary>
    public GraphBuilder Builder { get; } = new();

    /// <summary>What stands for the operands of an old node.</summary>
    public GraphValue[] Inputs(GraphNode node) => Values(node.Inputs);

    /// <summary>What stands for old values.</summary>
    public GraphValue[] Values(IReadOnlyList<GraphValue> old) => [.. old.Select(value => _map[value.Id]!)];

    /// <summary>Says what stands for an old value.</summary>
    public void Replace(GraphValue old, GraphValue replacement) => _map[old.Id] = replacement;

    /// <summary>Copies an old node, with other inputs if need be, and maps its outputs.</summary>
    public GraphNode Copy(GraphNode node, ReadOnlySpan<GraphValue> inputs)
    {
        Builder.Layer = node.Layer;
        GraphNode copy = Builder.AddNode(node.Label, node.Operation, inputs, [.. node.Weights], node.Kv);
        for (int i = 0; i < node.Outputs.Count; i++)
            Replace(node.Outputs[i], copy.Outputs[i]);
        return copy;
    }

    /// <summary>Ends the new graph.</summary>
    public ModelGraph Build() => Builder.Build(_map[Old.Logits.Id]!);
}
