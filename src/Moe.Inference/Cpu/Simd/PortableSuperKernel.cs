using System.Runtime.Intrinsics;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Formats with blocks of 256 weights, without instructions of a particular machine. Gives the numbers of <see cref="SuperKernel{T, R}"/>.</summary>
internal sealed unsafe class PortableSuperKernel<T>() : WeightKernel(T.Type, ActivationFormat.Q8Super)
    where T : struct, ISuperBlock<T>
{
    public override void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        byte* codes = stackalloc byte[ISuperBlock<T>.Length];
        short* scales = stackalloc short[16];
        short* minimums = stackalloc short[16];
        for (int r = 0; r < rows; r++)
        {
            byte* row = w + (r * rowBytes);
            for (int block = 0; block < k / ISuperBlock<T>.Length; block++)
            {
                byte* from = row + Layout.RowHeaderBytes + ((long)block * Layout.BlockBytes);
                SuperFormat<T>.StoreCodes(from, codes);
                T.LoadScales(from, out Vector256<short> loadedScales, out Vector256<short> loadedMinimums);
                loadedScales.Store(scales);
                loadedMinimums.Store(minimums);
                Vector128<uint> header = Vector128.CreateScalar(T.HeaderBits(row, from));
                float d = T.Scales(header).ToScalar();
                float m = T.HasMinimums ? T.MinimumScales(header).ToScalar() : 0;
                for (int t = 0; t < tokens; t++)
                {
                    byte* activations = x + (t * xStride);
                    short* sums = Q8SuperRow.Sums(activations, k) + ((long)block * 16);
                    sbyte* a = (sbyte*)activations + ((long)block * ISuperBlock<T>.Length);
                    int sum = 0, minimum = 0;
                    for (int group = 0; group < 16; group++)
                    {
                        int lane = ((group & 1) * 8) + (group >> 1);
                        int products = PortableDot.Dot16(codes + (group * 16), a + (group * 16), T.SignedCodes);
                        sum += scales[lane] * (products - (T.ZeroPoint * sums[lane]));
                        minimum += minimums[lane] * sums[lane];
                    }
                    float value = d * sum;
                    if (T.HasMinimums)
                        value = MathF.FusedMultiplyAdd(-m, minimum, value);
                    float* to = y + (t * yStride) + r;
                    *to = MathF.FusedMultiplyAdd(value, Q8SuperRow.Scales(activations, k)[block], block == 0 ? 0 : *to);
                }
            }
        }
    }
}
