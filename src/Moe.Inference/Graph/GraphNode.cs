namespace Moe.Inference.Graph;

/// <summary>One operation applied to operands.</summary>
public sealed class GraphNode
{
    internal GraphNode(int id, string label, int layer, Operation operation, IReadOnlyList<GraphValue> inputs, IReadOnlyList<Weight> weights, KvLayer? kv)
    {
        Id = id;
        Label = label;
        Layer = layer;
        Operation = operation;
        Inputs = inputs;
        Weights = weights;
        Kv = kv;
    }

    /// <summary>Number within its graph; nodes run in this order.</summary>
    public int Id { get; }

    /// <summary>Name for people, such as <c>blk.3.attn_q</c>.</summary>
    public string Label { get; }

    /// <summary>The layer it belongs to, or -1.</summary>
    public int Layer { get; }

    /// <summary>What it computes.</summary>
    public Operation Operation { get; }

    /// <summary>Values read.</summary>
    public IReadOnlyList<GraphValue> Inputs { get; }

    /// <summary>Tensors of the model read.</summary>
    public IReadOnlyList<Weight> Weights { get; }

    /// <summary>Values written.</summary>
    public IReadOnlyList<GraphValue> Outputs { get; internal set; } = [];

    /// <summary>Key/value memory read or written, if any.</summary>
    public KvLayer? Kv { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Label} = {Operation.Name}({string.Join(", ", Inputs.Select(i => i.Name).Concat(Weights.Select(w => w.Name)))})";
}
