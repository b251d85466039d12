using System.Text;

namespace Moe.Inference.Graph;

/// <summary>A model's computation for one micro-batch: nodes in the order they run. Immutable.</summary>
public sealed class ModelGraph
{
    internal ModelGraph(GraphInputs inputs, IReadOnlyList<GraphNode> nodes, GraphValue logits, int valueCount)
    {
        Inputs = inputs;
        Nodes = nodes;
        Logits = logits;
        ValueCount = valueCount;
    }

    /// <summary>What changes from run to run.</summary>
    public GraphInputs Inputs { get; }

    /// <summary>Nodes in the order they run.</summary>
    public IReadOnlyList<GraphNode> Nodes { get; }

    /// <summary>The result: float32, one row of vocabulary size per wanted position.</summary>
    public GraphValue Logits { get; }

    /// <summary>Number of values, inputs included; ids lie below it.</summary>
    public int ValueCount { get; }

    /// <summary>One line a node, for people and for tests.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        foreach (GraphNode node in Nodes)
        {
            string operands = string.Join(", ", node.Inputs.Select(value => value.Name).Concat(node.Weights.Select(weight => weight.ToString())));
            string outputs = string.Join(", ", node.Outputs.Select(value => value.ToString()));
            text.Append(outputs.Length == 0 ? node.Label : outputs).Append(" = ").Append(node.Operation.Name).Append('(').Append(operands).Append(")\n");
        }

        return text.ToString();
    }
}
