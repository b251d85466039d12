using Moe.Inference.Cpu.Simd;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;
using Moe.Inference.Tests.Quantization;

namespace Moe.Inference.Tests.Cpu.Simd;

public class WeightKernelTests
{
    public static TheoryData<ElementType, string, bool> Kernels
    {
        get
        {
            TheoryData<ElementType, string, bool> all = [];
            foreach (ElementType type in QuantFormats.Types)
            {
                foreach (CpuPath path in CpuFeatures.Available)
                {
                    all.Add(type, path.ToString(), false);
                    if (ElementLayout.Of(type).BlockLength > 1)
                        all.Add(type, path.ToString(), true);
                }
            }
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Dot_agrees_with_float64(ElementType type, string path, bool exact)
    {
        WeightKernel kernel = Kernel(type, path, exact);
        foreach ((int rows, int tokens, int k) in Shapes(type))
        {
            KernelCase run = new(kernel, rows, tokens, k, seed: rows + (31 * tokens) + k);
            Check(run, run.Run(), 1e-5, $"{rows} rows, {tokens} tokens, k {k}");
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_result_does_not_depend_on_its_neighbours(ElementType type, string path, bool exact)
    {
        WeightKernel kernel = Kernel(type, path, exact);
        KernelCase run = new(kernel, 37, 13, OddLength(type, 1536), seed: 77);
        float[] together = run.Run();
        for (int token = 0; token < run.Tokens; token++)
        {
            float[] alone = run.Run(0, run.Rows, token, 1);
            for (int row = 0; row < run.Rows; row++)
                Bits(alone[row]).Should().Be(Bits(together[(token * run.Rows) + row]), $"row {row}, token {token} with all rows");
        }
        foreach ((int firstRow, int rows, int firstToken, int tokens) in
            new[] { (0, 1, 0, 1), (36, 1, 12, 1), (5, 3, 2, 4), (16, 17, 3, 5), (1, 33, 6, 7), (35, 2, 0, 13), (3, 6, 11, 2), (9, 9, 9, 3) })
        {
            float[] part = run.Run(firstRow, rows, firstToken, tokens);
            for (int t = 0; t < tokens; t++)
            {
                for (int r = 0; r < rows; r++)
                {
                    float wanted = together[((firstToken + t) * run.Rows) + firstRow + r];
                    Bits(part[(t * rows) + r]).Should().Be(Bits(wanted), $"row {firstRow + r} of {rows}, token {firstToken + t} of {tokens}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Extreme_codes_do_not_overflow(ElementType type, string path, bool exact)
    {
        WeightKernel kernel = Kernel(type, path, exact);
        ElementLayout layout = ElementLayout.Of(type);
        if (layout.BlockLength == 1)
            return;

        // All bits set, or only the sign bits, except in the float headers, which are made 1: every code and every scale at an end of its range.
        foreach (byte fill in new byte[] { 0xFF, 0x80, 0x7F, 0x00, 0x3F })
        {
            const int Rows = 9, Tokens = 6, K = 512;
            byte[] weights = new byte[Rows * layout.RowBytes(K)];
            Array.Fill(weights, fill);
            for (int block = 0; block < weights.Length; block += layout.BlockBytes)
            {
                foreach (int at in HeadersAt(type))
                    BitConverter.TryWriteBytes(weights.AsSpan(block + at), (Half)1).Should().BeTrue();
            }
            foreach (float sign in new[] { 1f, -1f })
            {
                float[] activations = new float[Tokens * K];
                Array.Fill(activations, sign);
                KernelCase run = new(kernel, Rows, Tokens, K, weights, activations);
                float[] together = run.Run();
                Check(run, together, 1e-6, $"fill {fill:x2}, activations {sign}");
                run.Run(0, Rows, 0, 1).Should().Equal(together[..Rows]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Infinite_activations_show_in_the_result(ElementType type, string path, bool exact)
    {
        WeightKernel kernel = Kernel(type, path, exact);
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity })
        {
            float[] activations = QuantFormatTests.Gaussian(5 * 512, seed: 3);
            activations[512 + 300] = bad;
            KernelCase run = new(kernel, 3, 5, 512, KernelCase.EncodeGaussian(kernel, 3, 512, seed: 4), activations);
            float[] y = run.Run();
            y.Where((_, i) => i / 3 == 1).Should().OnlyContain(value => !float.IsFinite(value));
            y.Where((_, i) => i / 3 != 1).Should().OnlyContain(value => float.IsFinite(value));
        }
    }

    [Fact]
    public void Paths_agree_to_the_last_bit_on_quantized_activations()
    {
        foreach (ElementType type in QuantFormats.Types.Where(type => ElementLayout.Of(type).BlockLength > 1))
        {
            float[][] results = [.. CpuFeatures.Available.Select(path =>
                new KernelCase(WeightKernels.For(type, path, exact: false), 11, 6, 768, seed: 21).Run())];
            foreach (float[] result in results)
                result.Select(Bits).Should().Equal(results[0].Select(Bits), $"{type}");
        }
    }

    [Fact]
    public void One_kernel_serves_all_callers() =>
        WeightKernels.For(ElementType.Q4_K, CpuPath.Scalar, false).Should().BeSameAs(WeightKernels.For(ElementType.Q4_K, CpuPath.Scalar, false));

    [Fact]
    public void A_type_without_decoder_is_refused() =>
        ((Action)(() => WeightKernels.For(ElementType.I64, CpuPath.Scalar, false))).Should().Throw<UnsupportedModelException>();

    private static WeightKernel Kernel(ElementType type, string path, bool exact) => WeightKernels.For(type, Enum.Parse<CpuPath>(path), exact);

    private static int OddLength(ElementType type, int k) => ElementLayout.Of(type).BlockLength switch
    {
        1 => k - 13,
        32 => k - 32,
        _ => k,
    };

    private static IEnumerable<(int Rows, int Tokens, int K)> Shapes(ElementType type)
    {
        for (int rows = 1; rows <= 9; rows++)
            yield return (rows, 1 + (rows % 5), 256);
        for (int tokens = 1; tokens <= 17; tokens++)
            yield return (1 + (tokens % 3), tokens, 512);
        yield return (33, 18, OddLength(type, 1280));
        yield return (70, 5, OddLength(type, 768));
        if (ElementLayout.Of(type).BlockLength == 32)
            yield return (3, 5, 32);
        if (ElementLayout.Of(type).BlockLength == 1)
        {
            for (int k = 1; k < 40; k++)
                yield return (5, k % 7, k);
        }
    }

    // Where blocks keep their half-precision numbers, as FORMATS.md and ggml's documents describe them.
    private static int[] HeadersAt(ElementType type) => type switch
    {
        ElementType.Q4_K or ElementType.Q5_K => [0, 2],
        ElementType.Q6_K => [208],
        _ => [0],
    };

    private static void Check(KernelCase run, float[] results, double tolerance, string what)
    {
        for (int token = 0; token < run.Tokens; token++)
        {
            for (int row = 0; row < run.Rows; row++)
            {
                (double value, double magnitude) = run.Reference(row, token);
                double error = Math.Abs(results[(token * run.Rows) + row] - value);
                (error <= tolerance * magnitude).Should().BeTrue($"{what}, row {row}, token {token}: {results[(token * run.Rows) + row]:r}, wanted {value:r}, of {magnitude:r}");
            }
        }
    }

    private static int Bits(float value) => BitConverter.SingleToInt32Bits(value);
}
