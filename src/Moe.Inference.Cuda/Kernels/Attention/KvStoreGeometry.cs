using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Keys and values into their slots. A piece is 32 elements of one head's key or value, and a warp's work.</summary>
/// <param name="Keys">The tokens' keys.</param>
/// <param name="Values">The tokens' values.</param>
/// <param name="Slots">The tokens' slots: page · page length + place.</param>
/// <param name="KeyPages">All pages' keys.</param>
/// <param name="ValuePages">All pages' values.</param>
/// <param name="Tokens">Tokens.</param>
/// <param name="Pieces">Pieces of a token: heads × pieces of a key and a value.</param>
/// <param name="Heads">Heads of a token.</param>
/// <param name="KeyWidth">Elements of a head's key.</param>
/// <param name="ValueWidth">Elements of a head's value.</param>
/// <param name="PageLength">Tokens of a page.</param>
/// <param name="PerBlock">Pieces of a block.</param>
/// <param name="Blocks">Blocks of a token.</param>
internal readonly record struct KvStoreGeometry(
    DevicePointer<float> Keys, DevicePointer<float> Values, DevicePointer<int> Slots, DevicePointer<byte> KeyPages, DevicePointer<byte> ValuePages,
    int Tokens, int Pieces, int Heads, int KeyWidth, int ValueWidth, int PageLength, int PerBlock, int Blocks) : IKernelGeometry
{
    private const int PieceLength = 32;
    private const int WarpsPerBlock = 4;

    /// <summary>The kernel for a node.</summary>
    public static KernelCode CodeOf(KernelBinding binding) => new("kv_store.cu", "kv_store", $"KV={KvFormats.StructOf(binding.Options.KvType)}");

    /// <summary>The cut of a run.</summary>
    public static KvStoreGeometry For(KernelBinding binding, RunSize size)
    {
        KvLayerView kv = binding.Kv!;
        int perHead = Cover.Blocks(kv.Layer.KeyWidth, PieceLength) + Cover.Blocks(kv.Layer.ValueWidth, PieceLength);
        int pieces = kv.Layer.Heads * perHead;
        return new KvStoreGeometry(
            DevicePointer<float>.Of(binding.Inputs[0]),
            DevicePointer<float>.Of(binding.Inputs[1]),
            DevicePointer<int>.Of(binding.Inputs[2]),
            DevicePointer<byte>.Of(kv.Keys),
            DevicePointer<byte>.Of(kv.Values),
            size.Tokens,
            pieces,
            kv.Layer.Heads,
            kv.Layer.KeyWidth,
            kv.Layer.ValueWidth,
            kv.PageLength,
            WarpsPerBlock,
            Cover.Blocks(pieces, WarpsPerBlock));
    }

    /// <inheritdoc/>
    public LaunchShape Shape => new(Tokens, Blocks, 1, PieceLength * PerBlock);

    /// <inheritdoc/>
    public void Check() => Cover.Exactly("pieces of a token", Pieces, Blocks, PerBlock);
}
