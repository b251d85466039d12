using System.Runtime.InteropServices;
using Moe.Inference.Graph;

namespace Moe.Inference.Testing.Conformance;

/// <summary>Collects a case's operands and makes its node.</summary>
/// <param name="name">What is special about the case.</param>
/// <param name="size">The run's size.</param>
/// <param name="spare">Rows of each symbol that memory has room for beyond the run.</param>
internal sealed class CaseBuilder(string name, RunSize size, int spare = 0)
{
    private readonly GraphBuilder _graph = new();
    private readonly List<GraphValue> _values = [];
    private readonly List<CaseOperand> _inputs = [];
    private readonly List<Weight> _weights = [];
    private readonly List<CaseOperand> _weightData = [];

    private RunSize Limits => new(size.Tokens + spare, size.Outputs + spare, size.Pages + spare, size.Context);

    /// <summary>A case of a number of tokens, without outputs or pages.</summary>
    public static CaseBuilder OfTokens(string name, int tokens, int spare = 0) => new(name, new RunSize(tokens, 0, 0, tokens), spare);

    /// <summary>Adds a float input.</summary>
    public CaseBuilder Input(string label, RowCount rows, int width, float[] data) =>
        Add(ValueShape.Floats(rows, width), label, MemoryMarshal.AsBytes(data.AsSpan()).ToArray());

    /// <summary>Adds an integer input.</summary>
    public CaseBuilder Input(string label, RowCount rows, int width, int[] data) =>
        Add(ValueShape.Integers(rows, width), label, MemoryMarshal.AsBytes(data.AsSpan()).ToArray());

    /// <summary>Adds a weight.</summary>
    /// <param name="label">Its name.</param>
    /// <param name="matrix">All its rows.</param>
    /// <param name="slices">How many matrices they make.</param>
    /// <param name="firstSlice">The first of them in the whole tensor.</param>
    public CaseBuilder Weight(string label, EncodedMatrix matrix, int slices = 1, int firstSlice = 0)
    {
        _weights.Add(new Weight(label, matrix.Type, matrix.Width, matrix.Rows / slices, slices, firstSlice));
        _weightData.Add(new CaseOperand($"weight '{label}'", matrix.Type, matrix.Width, matrix.Rows, matrix.Bytes));
        return this;
    }

    /// <summary>Makes the case.</summary>
    /// <param name="operation">What to compute.</param>
    /// <param name="check">Finds the first wrong element.</param>
    /// <param name="exact">Whether kernels are asked for float32 arithmetic.</param>
    /// <param name="kv">Key/value memory, if the operation uses any.</param>
    public ConformanceCase Expect(Operation operation, Func<RunResult, Mismatch?> check, bool exact = true, KvImage? kv = null) => new()
    {
        Name = name,
        Node = _graph.AddNode(operation.Name, operation, [.. _values], [.. _weights], kv?.Layer),
        Size = size,
        Limits = Limits,
        Exact = exact,
        Inputs = _inputs,
        Weights = _weightData,
        Kv = kv,
        Check = check,
    };

    private CaseBuilder Add(ValueShape shape, string label, byte[] data)
    {
        if (data.Length != shape.ByteLength(size))
            throw new InvalidOperationException($"{name}: '{label}' holds {data.Length} bytes, not {shape.ByteLength(size)}");
        _values.Add(_graph.AddInput(label, shape));
        _inputs.Add(new CaseOperand($"input '{label}'", shape.Type, shape.Width, shape.Rows.Resolve(Limits), data));
        return this;
    }
}
