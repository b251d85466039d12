namespace Moe.Inference.Graph;

/// <summary>Builds a graph node by node; shapes are checked as nodes are added.</summary>
public sealed class GraphBuilder
{
    private readonly List<GraphNode> _nodes = [];
    private int _values;

    /// <summary>Starts a graph with the standard inputs.</summary>
    public GraphBuilder() => Inputs = new GraphInputs(this);

    /// <summary>The graph's inputs.</summary>
    public GraphInputs Inputs { get; }

    /// <summary>The layer that nodes added from now on belong to, or -1.</summary>
    public int Layer { get; set; } = -1;

    /// <summary>Adds a node and returns its only output.</summary>
    /// <param name="label">Name for people; the output takes it too.</param>
    /// <param name="operation">What to compute.</param>
    /// <param name="inputs">Values read.</param>
    /// <param name="weights">Tensors read.</param>
    /// <param name="kv">Key/value memory read or written.</param>
    /// <exception cref="ArgumentException">The operands do not fit, or the operation has not exactly one output.</exception>
    public GraphValue Add(string label, Operation operation, ReadOnlySpan<GraphValue> inputs, ReadOnlySpan<Weight> weights = default, KvLayer? kv = null)
    {
        GraphNode node = AddNode(label, operation, inputs, weights, kv);
        return node.Outputs.Count == 1 ? node.Outputs[0] : throw new ArgumentException($"{operation.Name} has {node.Outputs.Count} outputs, not one", nameof(operation));
    }

    /// <summary>Adds a node with any number of outputs.</summary>
    /// <inheritdoc cref="Add"/>
    public GraphNode AddNode(string label, Operation operation, ReadOnlySpan<GraphValue> inputs, ReadOnlySpan<Weight> weights = default, KvLayer? kv = null)
    {
        ArgumentNullException.ThrowIfNull(operation);
        GraphNode node = new(_nodes.Count, label, Layer, operation, [.. inputs], [.. weights], kv);
        IReadOnlyList<ValueShape> shapes;
        try
        {
            shapes = operation.InferOutputs(node.Inputs, node.Weights);
        }
        catch (ArgumentException problem)
        {
            throw new ArgumentException($"{label}: {problem.Message}; operands: {string.Join(", ", node.Inputs)}; {string.Join(", ", node.Weights)}", problem);
        }

        GraphValue[] outputs = new GraphValue[shapes.Count];
        for (int i = 0; i < outputs.Length; i++)
            outputs[i] = new GraphValue(_values++, shapes.Count == 1 ? label : $"{label}.{i}", shapes[i]);
        node.Outputs = outputs;
        _nodes.Add(node);
        return node;
    }

    /// <summary>Ends the graph.</summary>
    /// <param name="logits">The value that a run returns, one row per wanted position.</param>
    public ModelGraph Build(GraphValue logits)
    {
        ArgumentNullException.ThrowIfNull(logits);
        return new ModelGraph(Inputs, [.. _nodes], logits, _values);
    }

    internal GraphValue AddInput(string name, ValueShape shape) => new(_values++, name, shape);
}
