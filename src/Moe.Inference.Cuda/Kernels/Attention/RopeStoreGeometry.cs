using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Queries, keys and values on their way into attention; a row is one head of one token's query, key or value, and a warp's work.</summary>
/// <param name="Queries">The tokens' queries.</param>
/// <param name="Keys">The tokens' keys.</param>
/// <param name="Values">The tokens' values.</param>
/// <param name="Table">Cosines and sines of each token.</param>
/// <param name="Slots">The tokens' slots: page · page length + place.</param>
/// <param name="QueryNorm">The weight of the queries' normalization, if there is one.</param>
/// <param name="KeyNorm">The weight of the keys' normalization, if there is one.</param>
/// <param name="Result">Receives the rotated queries.</param>
/// <param name="KeyPages">All pages' keys.</param>
/// <param name="ValuePages">All pages' values.</param>
/// <param name="Rows">Tokens × (heads + 2 · key/value heads).</param>
/// <param name="Heads">Query heads of a token.</param>
/// <param name="KvHeads">Key/value heads of a token.</param>
/// <param name="HeadWidth">Elements of a head's query or key.</param>
/// <param name="ValueWidth">Elements of a head's value.</param>
/// <param name="Widest">The greater of both.</param>
/// <param name="Pairs">Pairs of a head that are rotated.</param>
/// <param name="PageLength">Tokens of a page.</param>
/// <param name="Normalizes">1 if heads are normalized, else 0.</param>
/// <param name="Epsilon">Added to the mean square.</param>
/// <param name="PerBlock">Rows of a block.</param>
/// <param name="Blocks">Blocks.</param>
internal readonly record struct RopeStoreGeometry(
    DevicePointer<float> Queries, DevicePointer<float> Keys, DevicePointer<float> Values, DevicePointer<float> Table, DevicePointer<int> Slots,
    DevicePointer<float> QueryNorm, DevicePointer<float> KeyNorm, DevicePointer<float> Result, DevicePointer<byte> KeyPages, DevicePointer<byte> ValuePages,
    long Rows, int Heads, int KvHeads, int HeadWidth, int ValueWidth, int Widest, int Pairs, int PageLength, int Normalizes, float Epsilon, int PerBlock, int Blocks) : IKernelGeometry
{
    private const int WarpsPerBlock = 4;

    /// <summary>The kernel for a node.</summary>
    public static KernelCode CodeOf(KernelBinding binding) => new(
        "rope_store.cu",
        ((RopeStoreOp)binding.Node.Operation).Style == RopeStyle.Halves ? "rope_store_halves" : "rope_store_pairs",
        $"KV={KvFormats.StructOf(binding.Options.KvType)}");

    /// <summary>Why a node cannot run here, or null.</summary>
    public static string? Refuses(GraphNode node, KernelOptions options) => FloatWeights.Refuses(node, options) ?? KvFormats.RefusesType(node, options);

    /// <summary>The cut of a run.</summary>
    public static RopeStoreGeometry For(KernelBinding binding, RunSize size)
    {
        RopeStoreOp op = (RopeStoreOp)binding.Node.Operation;
        KvLayerView kv = binding.Kv!;
        int heads = binding.Inputs[0].Width / op.HeadWidth;
        bool normalizes = binding.Weights.Count > 0;
        long rows = (long)size.Tokens * (heads + (2 * kv.Layer.Heads));
        return new RopeStoreGeometry(
            DevicePointer<float>.Of(binding.Inputs[0]),
            DevicePointer<float>.Of(binding.Inputs[1]),
            DevicePointer<float>.Of(binding.Inputs[2]),
            DevicePointer<float>.Of(binding.Inputs[3]),
            DevicePointer<int>.Of(binding.Inputs[4]),
            normalizes ? DevicePointer<float>.Of(binding.Weights[0]) : default,
            normalizes ? DevicePointer<float>.Of(binding.Weights[1]) : default,
            DevicePointer<float>.Of(binding.Outputs[0]),
            DevicePointer<byte>.Of(kv.Keys),
            DevicePointer<byte>.Of(kv.Values),
            rows,
            heads,
            kv.Layer.Heads,
            op.HeadWidth,
            kv.Layer.ValueWidth,
            Math.Max(op.HeadWidth, kv.Layer.ValueWidth),
            binding.Inputs[3].Width / 2,
            kv.PageLength,
            normalizes ? 1 : 0,
            op.Epsilon,
            WarpsPerBlock,
            Cover.Blocks(rows, WarpsPerBlock));
    }

    /// <inheritdoc/>
    public LaunchShape Shape => new(Blocks, 1, 1, 32 * PerBlock, PerBlock * Widest * sizeof(float));

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("heads of all tokens", Rows, Blocks, PerBlock);
        Cover.Require(Pairs > 0 && 2 * Pairs <= HeadWidth && Widest >= HeadWidth && Widest >= ValueWidth, "no more elements are rotated than a head has, and a warp's memory holds a head");
    }
}
