using Moe.Inference.Cpu.Simd;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Compares tiles with a kernel that is known to be right, on a small random case with edges in every direction.</summary>
internal static unsafe class TileCheck
{
    private const int Rows = 35, Tokens = 23, K = 768;
    private const ulong Multiplier = 6364136223846793005, Increment = 1442695040888963407;

    /// <summary>Runs both.</summary>
    /// <returns>The first difference, or null if all bits agree.</returns>
    public static string? Difference(Tiles tiles, WeightKernel portable)
    {
        QuantFormat format = QuantFormats.Of(portable.Type);
        long rowBytes = format.Layout.RowBytes(K), stride = portable.ActivationRowBytes(K);
        float[] numbers = Numbers((Rows + Tokens) * K);
        byte[] weights = new byte[Rows * rowBytes], activations = new byte[Tokens * stride];
        float[] wanted = new float[Tokens * Rows], found = new float[Tokens * Rows];
        fixed (byte* w = weights, x = activations)
        fixed (float* from = numbers, right = wanted, y = found)
        {
            for (int row = 0; row < Rows; row++)
                format.Encode(from + (row * K), w + (row * rowBytes), K);
            for (int token = 0; token < Tokens; token++)
                portable.QuantizeActivations(from + ((Rows + token) * K), x + (token * stride), K);
            portable.Dot(w, rowBytes, Rows, x, stride, Tokens, K, right, Rows);
            foreach (int tokens in (ReadOnlySpan<int>)[1, 2, 3, 4, 5, 6, Tokens])
            {
                tiles.Dot(w, rowBytes, Rows, x, stride, tokens, K, y, Rows);
                if (Difference(wanted.AsSpan(0, tokens * Rows), found) is { } difference)
                    return difference;
            }
        }
        return null;
    }

    private static string? Difference(ReadOnlySpan<float> wanted, ReadOnlySpan<float> found)
    {
        for (int i = 0; i < wanted.Length; i++)
        {
            if (BitConverter.SingleToInt32Bits(wanted[i]) != BitConverter.SingleToInt32Bits(found[i]))
                return $"row {i % Rows}, token {i / Rows} gives {found[i]:r} where the portable kernel gives {wanted[i]:r}";
        }
        return null;
    }

    // Within ±1, of all magnitudes; the same at every start.
    private static float[] Numbers(int count)
    {
        float[] numbers = new float[count];
        ulong state = 1;
        for (int i = 0; i < count; i++)
        {
            state = (state * Multiplier) + Increment;
            numbers[i] = (int)(state >> 32) / 2147483648f;
        }
        return numbers;
    }
}
