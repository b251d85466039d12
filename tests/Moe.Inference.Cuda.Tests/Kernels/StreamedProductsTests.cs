using System.Runtime.InteropServices;
using Moe.Inference.Cuda.Kernels;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Tests.Kernels;

/// <summary>Matrices so large that each warp streams many of their rows, one pair after the other through its ring.</summary>
public class StreamedProductsTests
{
    private const double Unit = 1.0 / (1 << 24);
    private const int Seed = 20;

    public static TheoryData<ElementType, int> Matrices => new()
    {
        { ElementType.Q4_K, 2304 },
        { ElementType.Q5_K, 256 },
        { ElementType.Q6_K, 768 },
        { ElementType.Q6_K, 1280 },
        { ElementType.IQ4_XS, 1280 },
        { ElementType.IQ5_K, 512 },
        { ElementType.Q4_0, 1056 },
        { ElementType.Q8_0, 1120 },
    };

    [SkippableTheory]
    [MemberData(nameof(Matrices))]
    public void Every_row_of_a_large_matrix_is_right(ElementType type, int width)
    {
        // Odd, so that the last pair has one row.
        const int Rows = 601;
        (byte[] encoded, double[] weights) = RandomMatrix(type, width, Rows);
        foreach (int tokens in (int[])[1, 2, 7])
        {
            float[] x = EightBitGrid(tokens, width);
            float[] y = Multiply(type, width, Rows, encoded, x, tokens);
            for (int token = 0; token < tokens; token++)
            {
                for (int row = 0; row < Rows; row++)
                {
                    (double value, double bound) = Product(weights.AsSpan(row * width, width), x.AsSpan(token * width, width));
                    float found = y[(token * Rows) + row];
                    if (!(Math.Abs(found - value) <= bound))
                        Assert.Fail($"token {token} of {tokens}, row {row} of {type} [{width}, {Rows}], seed {Seed}: {found} instead of {value} ± {bound}");
                }
            }
        }
    }

    [SkippableTheory]
    [InlineData(ElementType.Q4_K)]
    [InlineData(ElementType.Q6_K)]
    [InlineData(ElementType.Q8_0)]
    [InlineData(ElementType.F16)]
    public void A_tokens_numbers_do_not_depend_on_those_beside_it(ElementType type)
    {
        const int Width = 1280, Rows = 67, Tokens = 8;
        (byte[] encoded, _) = RandomMatrix(type, Width, Rows);
        Random random = new(Seed);
        float[] x = [.. Enumerable.Range(0, Tokens * Width).Select(_ => (float)(random.NextDouble() - 0.5))];
        float[] together = Multiply(type, Width, Rows, encoded, x, Tokens);
        for (int token = 0; token < Tokens; token++)
        {
            float[] alone = Multiply(type, Width, Rows, encoded, x[(token * Width)..((token + 1) * Width)], 1);
            together[(token * Rows)..((token + 1) * Rows)].Should().Equal(alone, $"token {token}, {type}, seed {Seed}");
        }
    }

    // A bound of a float32 sum of the products, and of sums of scale·code and minimum apart from each other, per 32 weights.
    private static (double Value, double Bound) Product(ReadOnlySpan<double> w, ReadOnlySpan<float> x)
    {
        double value = 0, magnitude = 0, spread = 0;
        for (int start = 0; start < w.Length; start += 32)
        {
            double greatest = 0, activations = 0;
            for (int i = start; i < start + 32; i++)
            {
                value += w[i] * x[i];
                magnitude += Math.Abs(w[i] * x[i]);
                greatest = Math.Max(greatest, Math.Abs(w[i]));
                activations += Math.Abs(x[i]);
            }

            spread += 3 * greatest * activations;
        }

        return (value, Unit * (((w.Length + 8) * magnitude) + (((w.Length / 32) + 8) * spread)));
    }

    private static (byte[] Encoded, double[] Values) RandomMatrix(ElementType type, int width, int rows)
    {
        Random random = new(Seed);
        QuantFormat format = QuantFormats.Of(type);
        int rowBytes = (int)format.Layout.RowBytes(width);
        byte[] encoded = new byte[rows * rowBytes];
        float[] row = new float[width];
        double[] values = new double[rows * width];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < width; j++)
                row[j] = (float)(random.NextDouble() - 0.5) / MathF.Sqrt(width);
            Span<byte> target = encoded.AsSpan(i * rowBytes, rowBytes);
            format.Encode(row, target);
            format.Decode(target, row);
            for (int j = 0; j < width; j++)
                values[(i * width) + j] = row[j];
        }

        return (encoded, values);
    }

    // Numbers that 8 bits hold exactly, with the same step whatever the length of a block.
    private static float[] EightBitGrid(int rows, int width)
    {
        Random random = new(Seed + rows);
        float[] x = new float[rows * width];
        for (int i = 0; i < x.Length; i++)
            x[i] = (i % 32 == 0 ? 127 : random.Next(-127, 128)) / 64f;
        return x;
    }

    private static float[] Multiply(ElementType type, int width, int rows, byte[] matrix, float[] x, int tokens)
    {
        using IBackend backend = TestGpu.Require().Open();
        GraphBuilder builder = new();
        GraphValue input = builder.Add("x", new EmbeddingOp(), [builder.Inputs.TokenIds], [new Weight("table", ElementType.F32, width, 1)]);
        GraphNode node = builder.AddNode("y", new MatMulOp(), [input], [new Weight("w", type, width, rows)]);
        using DeviceBuffer w = Upload(backend, matrix), values = Upload(backend, MemoryMarshal.AsBytes<float>(x).ToArray()), results = backend.Allocate((long)tokens * rows * sizeof(float), "y");
        MatMulKernel kernel = new();
        RunSize size = new(tokens, tokens, 0, tokens);
        using DeviceBuffer scratch = backend.Allocate(Math.Max(64, kernel.ScratchBytes(node, size, new KernelOptions(1, false, ElementType.F32))), "scratch");
        KernelBinding binding = new(
            node,
            [new TensorView(values, 0, ElementType.F32, width, tokens)],
            [new TensorView(w, 0, type, width, rows)],
            [new TensorView(results, 0, ElementType.F32, rows, tokens)],
            new TensorView(scratch, 0, ElementType.I8, 1, scratch.Length),
            null,
            size,
            new KernelOptions(1, false, ElementType.F32));
        PlannedStep step = new(node, backend.Device, kernel, 0, new ArenaSlot(backend.Device, 0, scratch.Length), []);
        using IDeviceProgram program = backend.Compile([(step, backend.Bind(kernel, binding))]);
        backend.Enqueue(program, size, CancellationToken.None);
        backend.Synchronize();
        float[] y = new float[tokens * rows];
        backend.Read(results, 0, MemoryMarshal.AsBytes(y.AsSpan()));
        return y;
    }

    private static DeviceBuffer Upload(IBackend backend, byte[] data)
    {
        DeviceBuffer buffer = backend.Allocate(data.Length, "operand");
        backend.Write(buffer, 0, data);
        return buffer;
    }
}
