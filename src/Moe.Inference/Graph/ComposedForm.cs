namespace Moe.Inference.Graph;

/// <summary>A node's composed form as a graph of its own.</summary>
/// <param name="Stands">What stands for the node's inputs, in order.</param>
/// <param name="Nodes">The simpler nodes, in order.</param>
/// <param name="ValueCount">Number of values; ids lie below it.</param>
/// <param name="Results">What stands for the node's outputs, in order.</param>
internal sealed record ComposedForm(IReadOnlyList<GraphValue> Stands, IReadOnlyList<GraphNode> Nodes, int ValueCount, IReadOnlyList<GraphValue> Results)
{
    /// <summary>Expresses a node.</summary>
    /// <param name="node">A node whose operation has a composed form.</param>
    /// <param name="limits">The largest run the plan is made for.</param>
    public static ComposedForm Of(GraphNode node, RunSize limits)
    {
        GraphBuilder builder = new() { Layer = node.Layer };
        GraphValue[] stands = [.. node.Inputs.Select(input => builder.AddInput(input.Name, input.Shape))];
        GraphNode original = new(node.Id, node.Label, node.Layer, node.Operation, stands, node.Weights, node.Kv) { Outputs = node.Outputs };
        IReadOnlyList<GraphValue> results = node.Operation.Compose(original, builder, limits);
        ModelGraph parts = builder.Build(results[0]);
        return new ComposedForm(stands, parts.Nodes, parts.ValueCount, results);
    }
}
