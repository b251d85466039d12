using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Formats with blocks of 256 weights. Few tokens: rows against tokens as <typeparamref name="P"/> does it. Many: see <see cref="Tiles{F}"/>.
/// Either way a block's integer sums are exact and become one float multiply-add, in the order of the blocks.
/// </summary>
/// <typeparam name="T">The weights' format.</typeparam>
/// <typeparam name="P">The way of few tokens.</typeparam>
/// <param name="tiles">The way of many tokens.</param>
internal sealed unsafe class SuperKernel<T, P>(Tiles tiles) : WeightKernel(T.Type, ActivationFormat.Q8Super)
    where T : struct, ISuperBlock<T>
    where P : struct, IRowProduct
{
    private PackedKernel? _packed;

    public override PackedKernel? Packed => _packed ??= tiles.CanPack ? new PackedKernel(this, tiles) : null;

    public override void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        if (tokens <= P.MostTokens)
            P.Dot(w, rowBytes, rows, x, xStride, tokens, k, y, yStride);
        else
            tiles.Dot(w, rowBytes, rows, x, xStride, tokens, k, y, yStride);
    }

    public override void DotScattered(
        byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride, int* targets, float* spare)
    {
        if (tokens <= P.MostTokens)
            base.DotScattered(w, rowBytes, rows, x, xStride, tokens, k, y, yStride, targets, spare);
        else
            tiles.Dot(w, rowBytes, rows, x, xStride, tokens, k, y, yStride, targets);
    }
}
