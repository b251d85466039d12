using System.Runtime.InteropServices;
using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance;

/// <summary>The bytes of one operand, and how many rows its memory has room for.</summary>
/// <param name="Name">What it is, as failures name it.</param>
/// <param name="Type">Element type.</param>
/// <param name="Width">Elements of a row.</param>
/// <param name="Room">Rows that fit.</param>
/// <param name="Data">The rows of the run; what is left of the room is poison.</param>
internal sealed record CaseOperand(string Name, ElementType Type, int Width, long Room, byte[] Data);

/// <summary>Key/value memory as a case prepares it.</summary>
/// <param name="Layer">Heads and widths.</param>
/// <param name="Type">Element type.</param>
/// <param name="PageLength">Tokens of a page.</param>
/// <param name="Keys">All pages' keys.</param>
/// <param name="Values">All pages' values.</param>
internal sealed record KvImage(KvLayer Layer, ElementType Type, int PageLength, byte[] Keys, byte[] Values);

/// <summary>The first element that is wrong.</summary>
internal sealed record Mismatch(string Element, string Expected, string Found);

/// <summary>What a run left behind.</summary>
/// <param name="Outputs">The bytes of each output's rows of this run.</param>
/// <param name="Keys">The whole key memory, if the node has any.</param>
/// <param name="Values">The whole value memory, if the node has any.</param>
internal sealed record RunResult(IReadOnlyList<byte[]> Outputs, byte[]? Keys, byte[]? Values)
{
    public ReadOnlySpan<float> Floats(int output) => MemoryMarshal.Cast<byte, float>(Outputs[output]);

    public ReadOnlySpan<int> Integers(int output) => MemoryMarshal.Cast<byte, int>(Outputs[output]);
}

/// <summary>One node with operands, and what must come out.</summary>
internal sealed record ConformanceCase
{
    /// <summary>What is special about it.</summary>
    public required string Name { get; init; }

    /// <summary>The node.</summary>
    public required GraphNode Node { get; init; }

    /// <summary>The run's size.</summary>
    public required RunSize Size { get; init; }

    /// <summary>The size that memory is laid out for.</summary>
    public required RunSize Limits { get; init; }

    /// <summary>Whether kernels are asked for float32 arithmetic.</summary>
    public bool Exact { get; init; } = true;

    /// <summary>The node's inputs.</summary>
    public required IReadOnlyList<CaseOperand> Inputs { get; init; }

    /// <summary>The node's weights.</summary>
    public required IReadOnlyList<CaseOperand> Weights { get; init; }

    /// <summary>The key/value memory, if the node uses any.</summary>
    public KvImage? Kv { get; init; }

    /// <summary>Whether the node may write the key/value memory.</summary>
    public bool WritesKv { get; init; }

    /// <summary>Finds the first wrong element, or null.</summary>
    public required Func<RunResult, Mismatch?> Check { get; init; }
}
