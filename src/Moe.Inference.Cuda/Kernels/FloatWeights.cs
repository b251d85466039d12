using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Vectors that arithmetic reads as floats must be stored as floats.</summary>
internal static class FloatWeights
{
    /// <summary>Why a node cannot run here, or null.</summary>
    public static string? Refuses(GraphNode node, KernelOptions options) =>
        node.Weights.FirstOrDefault(weight => weight.Type != ElementType.F32) is { } other ? $"'{other.Name}' is {other.Type}; only F32 is taken here" : null;
}
