using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The element types of key/value memory that the kernels know.</summary>
internal static class KvFormats
{
    private static readonly Dictionary<ElementType, string> Structs = new()
    {
        [ElementType.F32] = "KvF32",
        [ElementType.F16] = "KvF16",
        [ElementType.BF16] = "KvBF16",
        [ElementType.Q8_0] = "KvQ8_0",
    };

    /// <summary>The struct in <c>kv_formats.cuh</c>.</summary>
    public static string StructOf(ElementType type) => Structs[type];

    /// <summary>Why key/value memory of the chosen type cannot hold a layer here, or null.</summary>
    public static string? RefusesType(GraphNode node, KernelOptions options)
    {
        if (!Structs.ContainsKey(options.KvType))
            return $"key/value memory of type {options.KvType} is not taken here; {string.Join(", ", Structs.Keys)} are";
        int block = ElementLayout.Of(options.KvType).BlockLength;
        return node.Kv!.KeyWidth % block == 0 && node.Kv.ValueWidth % block == 0
            ? null
            : $"heads of {node.Kv.KeyWidth} and {node.Kv.ValueWidth} elements do not hold whole blocks of {block} ({options.KvType})";
    }

    /// <summary>Why attention of a shape over a layer's memory cannot be computed here, or null.</summary>
    public static string? Refuses(AttentionShape shape, GraphNode node, KernelOptions options)
    {
        if (node.Kv is not { } kv || kv.Heads != shape.KvHeads || kv.KeyWidth != shape.KeyWidth || kv.ValueWidth != shape.ValueWidth || shape.Heads % shape.KvHeads != 0)
            return "the key/value memory's heads and widths are not those of the attention";
        return RefusesType(node, options);
    }
}
