namespace Moe.Inference.Graph;

/// <summary>What one execution of a node reads and writes at the most, by what it belongs to.</summary>
/// <param name="Inputs">Bytes read of each input, in the node's order.</param>
/// <param name="Weights">Bytes read of each weight, in the node's order.</param>
/// <param name="Outputs">Bytes written of each output, in the node's order; always the whole output.</param>
/// <param name="KvRead">Elements of key/value memory read.</param>
/// <param name="KvWritten">Elements of key/value memory written.</param>
/// <param name="MultiplyAdds">Multiply-accumulate operations.</param>
public sealed record Footprint(
    IReadOnlyList<long> Inputs,
    IReadOnlyList<long> Weights,
    IReadOnlyList<long> Outputs,
    long KvRead = 0,
    long KvWritten = 0,
    long MultiplyAdds = 0)
{
    /// <summary>The footprint of a node that reads its inputs and weights once, whole, and writes its outputs.</summary>
    public static Footprint Whole(GraphNode node, RunSize size) => new(
        [.. node.Inputs.Select(value => value.Shape.ByteLength(size))],
        [.. node.Weights.Select(weight => weight.ByteLength)],
        [.. node.Outputs.Select(value => value.Shape.ByteLength(size))]);
}
