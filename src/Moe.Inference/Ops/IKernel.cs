using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Ops;

/// <summary>A node made ready to run: operands bound to memory. A backend knows its own kind of step.</summary>
public interface IStep;

/// <summary>
/// An implementation of one operation on one kind of device. Stateless and thread-safe: <see cref="Bind"/> makes the step that holds state.
/// </summary>
public interface IKernel
{
    /// <summary>The operation's name (<see cref="Operation.Name"/>).</summary>
    string Operation { get; }

    /// <summary>The kind of device it runs on (<see cref="Device.Kind"/>).</summary>
    string DeviceKind { get; }

    /// <summary>Why a node cannot run here (an element type or a shape it does not take), or null if it can.</summary>
    string? Refuses(GraphNode node, KernelOptions options);

    /// <summary>Bytes of scratch memory that the step needs beside its operands, for a run of the given size.</summary>
    long ScratchBytes(GraphNode node, RunSize size, KernelOptions options);

    /// <summary>Binds a node to memory.</summary>
    IStep Bind(KernelBinding binding);
}

/// <summary>What all kernels of a plan are told; part of a plan's key.</summary>
/// <param name="Threads">Worker threads of the host.</param>
/// <param name="Exact">Whether products are computed in float32 without quantizing activations.</param>
/// <param name="KvType">Element type of key/value memory.</param>
public sealed record KernelOptions(int Threads, bool Exact, ElementType KvType);

/// <summary>A node's operands in memory.</summary>
/// <param name="Node">The node.</param>
/// <param name="Inputs">Its inputs, in order.</param>
/// <param name="Weights">Its weights, in order; three-dimensional tensors as rows one after the other.</param>
/// <param name="Outputs">Its outputs, in order; no overlap with inputs.</param>
/// <param name="Scratch">As many bytes as the kernel asked for.</param>
/// <param name="Kv">Key/value memory of its layer, if the node uses it.</param>
/// <param name="Limits">The largest run.</param>
/// <param name="Options">What all kernels are told.</param>
public sealed record KernelBinding(
    GraphNode Node,
    IReadOnlyList<TensorView> Inputs,
    IReadOnlyList<TensorView> Weights,
    IReadOnlyList<TensorView> Outputs,
    TensorView Scratch,
    KvLayerView? Kv,
    RunSize Limits,
    KernelOptions Options);
