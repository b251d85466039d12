using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>What all forms of attention demand of the key/value memory.</summary>
internal static class PagedAttention
{
    /// <summary>The longest page that kernels have room for, in tokens.</summary>
    public const int LongestPage = 256;

    /// <summary>Why a node cannot be computed, or null.</summary>
    public static string? Refuses(AttentionShape shape, GraphNode node, KernelOptions options)
    {
        if (!shape.Fits(node.Kv))
            return "the key/value memory's heads and widths are not those of the attention";
        return RefusesType(node, options);
    }

    /// <summary>Why key/value memory of the chosen type cannot hold a layer, or null.</summary>
    public static string? RefusesType(GraphNode node, KernelOptions options)
    {
        if (!QuantFormats.TryGet(options.KvType, out _))
            return $"key/value memory of type {options.KvType} is not supported";
        int block = ElementLayout.Of(options.KvType).BlockLength;
        return node.Kv!.KeyWidth % block == 0 && node.Kv.ValueWidth % block == 0
            ? null
            : $"heads of {node.Kv.KeyWidth} and {node.Kv.ValueWidth} elements do not hold whole blocks of {block} ({options.KvType})";
    }

    /// <summary>Checks the page length and returns it.</summary>
    public static int Check(KvLayerView kv) => kv.PageLength is > 0 and <= LongestPage && int.IsPow2(kv.PageLength)
        ? kv.PageLength
        : throw new ArgumentOutOfRangeException(nameof(kv), kv.PageLength, $"pages hold a power of two of tokens, at the most {LongestPage}");
}
