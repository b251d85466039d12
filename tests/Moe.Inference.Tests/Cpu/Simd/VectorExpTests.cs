using System.Runtime.Intrinsics;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Quantization;

namespace Moe.Inference.Tests.Cpu.Simd;

/// <summary>The vector exponential against <see cref="Math.Exp"/> in double precision.</summary>
public unsafe class VectorExpTests
{
    // A prime, so that all kinds of mantissas are met: some four million numbers between the bounds.
    private const int BitStep = 521;
    private const float Least = -87.3f, Most = 88.3f;

    [Fact]
    public void Lanes_of_128_bits_are_within_two_units_of_the_last_place() => WithinTwoUnits<Vector128<float>, Lanes128>();

    [SkippableFact]
    public void Lanes_of_256_bits_are_within_two_units_of_the_last_place()
    {
        Skip.IfNot(CpuFeatures.IsSupported(CpuPath.Avx2), "no AVX2");
        WithinTwoUnits<Vector256<float>, Lanes256>();
    }

    [SkippableFact]
    public void Lanes_of_512_bits_are_within_two_units_of_the_last_place()
    {
        Skip.IfNot(CpuFeatures.IsSupported(CpuPath.Avx512), "no AVX-512");
        WithinTwoUnits<Vector512<float>, Lanes512>();
    }

    [Fact]
    public void Below_the_range_is_zero_and_above_stays_finite()
    {
        Of<Vector128<float>, Lanes128>([MathF.BitDecrement(Least), float.MinValue, float.NegativeInfinity, 0]).Should().Equal(0, 0, 0, 1);
        Of<Vector128<float>, Lanes128>([1000, float.MaxValue, float.PositiveInfinity, Most]).Should().AllSatisfy(y => y.Should().BeInRange(2.2e38f, float.MaxValue));
    }

    private static void WithinTwoUnits<V, L>()
        where V : struct
        where L : struct, IFloatLanes<V>
    {
        float[] x = new float[L.Count];
        (double worst, float at) = (0, 0);
        foreach (float bound in (float[])[Least, Most])
        {
            int sign = bound < 0 ? int.MinValue : 0, end = BitConverter.SingleToInt32Bits(MathF.Abs(bound));
            for (int bits = end; bits >= 0; bits -= BitStep * L.Count)
            {
                for (int i = 0; i < x.Length; i++)
                    x[i] = BitConverter.Int32BitsToSingle(sign | Math.Max(0, bits - (i * BitStep)));
                float[] y = Of<V, L>(x);
                for (int i = 0; i < x.Length; i++)
                {
                    double right = Math.Exp(x[i]), unit = Math.ScaleB(1, Math.ILogB(right) - 23);
                    double error = Math.Abs(y[i] - right) / unit;
                    if (!(error <= worst))
                        (worst, at) = (error, x[i]);
                }
            }
        }
        worst.Should().BeLessThanOrEqualTo(2, "that is the error at {0:r}", at);
    }

    private static float[] Of<V, L>(float[] x)
        where V : struct
        where L : struct, IFloatLanes<V>
    {
        float[] y = new float[L.Count];
        fixed (float* from = x, to = y)
            L.Store(VectorExp<V, L>.Of(L.Load<F32>((byte*)from)), to);
        return y;
    }
}
