using System.Runtime.Intrinsics;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Formats with blocks of 32 weights, without instructions of a particular machine. Gives the numbers of <see cref="SmallKernel{T, R}"/>.</summary>
internal sealed unsafe class PortableSmallKernel<T>() : WeightKernel(T.Type, ActivationFormat.Q8Small)
    where T : struct, ISmallBlock<T>
{
    public override void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        byte* codes = stackalloc byte[ISmallBlock<T>.Length];
        for (int r = 0; r < rows; r++)
        {
            byte* from = w + (r * rowBytes);
            for (int block = 0; block < k / ISmallBlock<T>.Length; block++, from += Layout.BlockBytes)
            {
                T.LoadCodes(from).Store(codes);
                Vector256<uint> header = Vector256.CreateScalar(T.HeaderBits(from));
                float d = T.Scales(header).ToScalar();
                float m = T.HasMinimum ? T.Minimums(header).ToScalar() : 0;
                for (int t = 0; t < tokens; t++)
                {
                    byte* activations = x + (t * xStride);
                    sbyte* a = (sbyte*)activations + ((long)block * ISmallBlock<T>.Length);
                    float scale = Q8SmallRow.Scales(activations, k)[block];
                    int activationSum = Q8SmallRow.Sums(activations, k)[block];
                    int sum = PortableDot.Dot16(codes, a, T.SignedCodes) + PortableDot.Dot16(codes + 16, a + 16, T.SignedCodes);
                    float* to = y + (t * yStride) + r;
                    float total = MathF.FusedMultiplyAdd(sum - (T.ZeroPoint * activationSum), d * scale, block == 0 ? 0 : *to);
                    *to = T.HasMinimum ? MathF.FusedMultiplyAdd(m, scale * activationSum, total) : total;
                }
            }
        }
    }
}
