using System.Runtime.Intrinsics;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Tests.Quantization;

namespace Moe.Inference.Tests.Cpu.Simd;

public unsafe class VectorMathTests
{
    private static readonly int[] Lengths = [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 63, 64, 65, 127, 200];

    [Fact]
    public void Portable() => CheckAll<Vector128<float>, Lanes128>();

    [SkippableFact]
    public void Avx2()
    {
        Skip.IfNot(CpuFeatures.IsSupported(CpuPath.Avx2));
        CheckAll<Vector256<float>, Lanes256>();
    }

    [SkippableFact]
    public void Avx512()
    {
        Skip.IfNot(CpuFeatures.IsSupported(CpuPath.Avx512));
        CheckAll<Vector512<float>, Lanes512>();
    }

    [Fact]
    public void The_path_of_this_process_computes_the_same()
    {
        float[] a = QuantFormatTests.Gaussian(100, 1), b = QuantFormatTests.Gaussian(100, 2), y = new float[100];
        fixed (float* pa = a, pb = b, py = y)
        {
            VectorMath.Dot(pa, pb, 100).Should().BeApproximately(a.Zip(b, (p, q) => p * q).Sum(), 1e-4f);
            VectorMath.SumOfSquares(pa, 100).Should().BeApproximately(a.Sum(p => p * p), 1e-4f);
            VectorMath.Max(pa, 100).Should().Be(a.Max());
            VectorMath.Scale(3, pa, py, 100);
            y.Should().Equal(a.Select(p => 3 * p));
            VectorMath.ScaledAdd(-3, pa, py, 100);
            y.Should().OnlyContain(value => Math.Abs(value) < 1e-6);
            VectorMath.ScaleMultiply(pa, 2, pb, py, 100);
            y.Should().Equal(a.Zip(b, (p, q) => p * 2 * q));
            VectorMath.ExpSum(pa, 0.5f, py, 100).Should().BeApproximately(a.Sum(p => MathF.Exp(p - 0.5f)), 1e-3f);
            VectorMath.SiluMultiply(pa, pb, py, 100);
            y[7].Should().BeApproximately(a[7] / (1 + MathF.Exp(-a[7])) * b[7], 1e-6f);
        }
    }

    [Fact]
    public void Rows_of_half_precision_go_there_and_back()
    {
        float[] a = QuantFormatTests.Gaussian(37, 9), back = new float[37];
        ushort[] narrow = new ushort[37];
        fixed (float* from = a, to = back)
        fixed (ushort* half = narrow)
        {
            HalfConversion.SingleToHalf(from, half, 37);
            HalfConversion.HalfToSingle(half, to, 37);
            back.Should().Equal(a.Select(value => (float)(Half)value));
            HalfConversion.SingleToBFloat(from, half, 37);
            HalfConversion.BFloatToSingle(half, to, 37);
            back.Should().OnlyHaveUniqueItems().And.Match(all => all.Zip(a).All(pair => Math.Abs(pair.First - pair.Second) <= Math.Abs(pair.Second) / 256));
        }
    }

    private static void CheckAll<V, L>()
        where V : struct
        where L : struct, IFloatLanes<V>
    {
        foreach (int n in Lengths)
            CheckArrays<V, L>(n);
        CheckExp<V, L>();
    }

    // Guards behind each array show writes beyond the end.
    private static void CheckArrays<V, L>(int n)
        where V : struct
        where L : struct, IFloatLanes<V>
    {
        const float Guard = 77.25f;
        float[] a = QuantFormatTests.Gaussian(n + 1, 3 + n), b = QuantFormatTests.Gaussian(n + 1, 4 + n), y = new float[n + 1];
        fixed (float* pa = a, pb = b, py = y)
        {
            double dot = 0, magnitude = 0;
            for (int i = 0; i < n; i++)
            {
                dot += (double)a[i] * b[i];
                magnitude += Math.Abs((double)a[i] * b[i]);
            }
            ((double)VectorMath<V, L>.Dot(pa, pb, n)).Should().BeApproximately(dot, 1e-6 * (magnitude + 1e-9), $"dot of {n}");
            VectorMath<V, L>.Max(pa, n).Should().Be(a.Take(n).DefaultIfEmpty(float.NegativeInfinity).Max(), $"maximum of {n}");

            y[n] = Guard;
            VectorMath<V, L>.Scale(2.5f, pa, py, n);
            y.Should().Equal(a.Take(n).Select(value => value * 2.5f).Append(Guard));
            VectorMath<V, L>.ScaledAdd(0.5f, pb, py, n);
            for (int i = 0; i < n; i++)
                y[i].Should().BeApproximately((a[i] * 2.5f) + (0.5f * b[i]), 1e-6f);
            VectorMath<V, L>.ScaleMultiply(pa, 0.3f, pb, py, n);
            y.Should().Equal(a.Take(n).Select((value, i) => value * 0.3f * b[i]).Append(Guard));
            VectorMath<V, L>.SiluMultiply(pa, pb, py, n);
            for (int i = 0; i < n; i++)
                ((double)y[i]).Should().BeApproximately(a[i] / (1 + Math.Exp(-a[i])) * b[i], 1e-6 * Math.Abs(b[i]) + 1e-9);
            float sum = VectorMath<V, L>.ExpSum(pa, 1, py, n);
            ((double)sum).Should().BeApproximately(a.Take(n).Sum(value => Math.Exp(value - 1.0)), 1e-6 * (n + 1));
            y[n].Should().Be(Guard);
        }
    }

    private static void CheckExp<V, L>()
        where V : struct
        where L : struct, IFloatLanes<V>
    {
        float[] x = [.. Enumerable.Range(-8700, 17500).Select(i => i * 0.01f + 1e-4f), 0f, -0f], y = new float[x.Length];
        float[] special = [float.NegativeInfinity, -1000, -88, float.NaN, 1000, float.PositiveInfinity], z = new float[special.Length];
        fixed (float* px = x, py = y, ps = special, pz = z)
        {
            VectorMath<V, L>.ExpSum(px, 0, py, x.Length);
            VectorMath<V, L>.ExpSum(ps, 0, pz, special.Length);
        }
        for (int i = 0; i < x.Length; i++)
        {
            double wanted = Math.Exp(x[i]);
            double unit = MathF.BitIncrement((float)wanted) - (float)wanted;
            (Math.Abs(y[i] - wanted) <= 2 * unit).Should().BeTrue($"exp({x[i]:r}) = {wanted:r}, not {y[i]:r}");
        }
        z.Should().Equal(0, 0, 0, float.NaN, float.PositiveInfinity, float.PositiveInfinity);
    }
}
