using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Quantized weights, decoded to floats, with float activations: the reference for the faster kernels.</summary>
/// <typeparam name="V">The vector.</typeparam>
/// <typeparam name="L">Its arithmetic.</typeparam>
internal sealed unsafe class ExactKernel<V, L>(ElementType type) : WeightKernel(type, ActivationFormat.F32)
    where V : struct
    where L : struct, IFloatLanes<V>
{
    public override void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride) =>
        DecodedDot<V, L>.Dot(this, w, rowBytes, rows, x, xStride, tokens, k, y, yStride);
}
