using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Plain floating-point weights with float activations; any row length.</summary>
/// <typeparam name="T">The weights' format.</typeparam>
/// <typeparam name="V">The vector.</typeparam>
/// <typeparam name="L">Its arithmetic.</typeparam>
internal sealed unsafe class FloatKernel<T, V, L>() : WeightKernel(T.Type, ActivationFormat.F32)
    where T : struct, IFloatElement<T>
    where V : struct
    where L : struct, IFloatLanes<V>
{
    // Converting weights anew for every few tokens is cheap in wide vectors. Float32 is never converted.
    private static readonly int MostDirect = T.Type == Tensors.ElementType.F32 ? int.MaxValue : L.Count == 16 ? 2 * L.Tokens : Tiling.MinTokens - 1;

    public override void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        if (tokens <= MostDirect)
        {
            FloatDot<T, V, L>.Dot(w, rowBytes, rows, x, xStride, tokens, k, y, yStride);
            return;
        }
        DecodedDot<V, L>.Dot(this, w, rowBytes, rows, x, xStride, tokens, k, y, yStride);
    }
}
