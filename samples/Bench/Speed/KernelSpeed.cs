using System.Diagnostics;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Bench.Speed;

/// <summary>One product kernel: its speed on one core, and whether it gives the numbers of the portable path.</summary>
/// <param name="Type">The weights' format.</param>
/// <param name="Path">The instructions.</param>
/// <param name="IsPacked">Whether the weights were repacked beforehand.</param>
/// <param name="GigaMultiplications">Multiply-adds in a second, in units of 10⁹; the best of several runs.</param>
/// <param name="IsRight">Whether all bits agree with the portable path.</param>
internal sealed unsafe record KernelSpeed(ElementType Type, CpuPath Path, bool IsPacked, double GigaMultiplications, bool IsRight)
{
    private const int Runs = 15, OutputWidth = 2048;
    private static readonly TimeSpan TieringDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RunTime = TimeSpan.FromMilliseconds(15);

    /// <summary>Measures all quantized formats on the paths of this machine, or some of them.</summary>
    public static IEnumerable<KernelSpeed> Measure(int rows, int tokens, int k, IReadOnlyCollection<string> types, IReadOnlyCollection<string> paths)
    {
        foreach (ElementType type in QuantFormats.Types.Where(type => ElementLayout.Of(type).BlockLength > 1 && Wanted(type.ToString(), types)).Order())
        {
            foreach (CpuPath path in CpuFeatures.Available.Where(path => Wanted(path.ToString(), paths)))
            {
                WeightKernel kernel = WeightKernels.For(type, path, exact: false);
                yield return Measure(kernel, path, rows, tokens, k);
                if (kernel.Packed is { } packed && rows % packed.GroupRows == 0)
                    yield return Measure(packed, path, rows, tokens, k);
            }
        }
    }

    private static bool Wanted(string name, IReadOnlyCollection<string> names) => names.Count == 0 || names.Contains(name, StringComparer.OrdinalIgnoreCase);

    private static KernelSpeed Measure(WeightKernel kernel, CpuPath path, int rows, int tokens, int k)
    {
        WeightKernel portable = WeightKernels.For(kernel.Type, CpuPath.Scalar, exact: false);
        QuantFormat format = QuantFormats.Of(kernel.Type);
        long rowBytes = format.Layout.RowBytes(k), stride = kernel.ActivationRowBytes(k);
        byte[] original = new byte[rows * rowBytes], weights = new byte[rows * rowBytes], activations = new byte[tokens * stride];
        int yStride = Math.Max(rows, OutputWidth);
        float[] y = new float[yStride * tokens], right = new float[yStride * tokens];
        Random random = new(1);
        fixed (byte* from = original, w = weights, x = activations)
        fixed (float* found = y, wanted = right)
        {
            float[] numbers = new float[k];
            fixed (float* values = numbers)
            {
                for (int row = 0; row < rows; row++)
                    format.Encode(Fill(numbers, random), original.AsSpan((int)(row * rowBytes), (int)rowBytes));
                for (int token = 0; token < tokens; token++)
                {
                    Fill(numbers, random);
                    kernel.QuantizeActivations(values, x + (token * stride), k);
                }
            }
            Arrange(kernel, from, rowBytes, rows, w);
            portable.Dot(from, rowBytes, rows, x, stride, tokens, k, wanted, yStride);
            kernel.Dot(w, rowBytes, rows, x, stride, tokens, k, found, yStride);
            double best = 0;
            // The first runs are those of code that the runtime has yet to optimize.
            for (int run = 0; run < 2 * Runs; run++)
            {
                long start = Stopwatch.GetTimestamp(), calls = 0;
                do
                {
                    kernel.Dot(w, rowBytes, rows, x, stride, tokens, k, found, yStride);
                    calls++;
                }
                while (Stopwatch.GetElapsedTime(start) < RunTime);
                best = Math.Max(best, (double)calls * rows * tokens * k / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9);
                if (run == Runs)
                    Thread.Sleep(2 * TieringDelay);
            }
            return new KernelSpeed(kernel.Type, path, kernel is PackedKernel, best, y.AsSpan().SequenceEqual(right));
        }
    }

    private static void Arrange(WeightKernel kernel, byte* original, long rowBytes, int rows, byte* weights)
    {
        if (kernel is not PackedKernel packed)
        {
            Buffer.MemoryCopy(original, weights, rows * rowBytes, rows * rowBytes);
            return;
        }
        for (int row = 0; row < rows; row += packed.GroupRows)
            packed.Pack(original + (row * rowBytes), rowBytes, weights + (row * rowBytes));
    }

    // Nearly normal, as weights and activations are.
    private static float[] Fill(float[] numbers, Random random)
    {
        for (int i = 0; i < numbers.Length; i++)
            numbers[i] = random.NextSingle() + random.NextSingle() + random.NextSingle() - random.NextSingle() - random.NextSingle() - random.NextSingle();
        return numbers;
    }
}
