using System.Runtime.Intrinsics;

namespace Moe.Inference.Quantization;

/// <summary>The 16 values that the 4-bit codes of IQ4_XS and IQ4_NL stand for: dense near zero, where weights are.</summary>
internal static class Iq4Table
{
    private static ReadOnlySpan<sbyte> Values => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>The table for <see cref="ByteTable"/>, signed bytes.</summary>
    public static Vector128<byte> Vector => Vector128.Create((sbyte)-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113).AsByte();

    /// <summary>The code whose value is nearest.</summary>
    public static int Nearest(float value)
    {
        int code = 0;
        while (code < 15 && value > 0.5f * (Values[code] + Values[code + 1]))
            code++;
        return code;
    }

    /// <summary>The scale, of either sign, with which the table fits the weights best in least squares, of a few tried.</summary>
    public static unsafe float FitScale(float* x, int count)
    {
        float extreme = GroupFit.Extreme(x, count), best = 0, bestScore = 0;
        for (int step = -6; step <= 6; step++)
        {
            float inverse = extreme == 0 ? 0 : (-127 + (3 * step)) / extreme;
            float product = 0, square = 0;
            for (int i = 0; i < count; i++)
            {
                float value = Values[Nearest(x[i] * inverse)];
                product += value * x[i];
                square += value * value;
            }
            if (product * product > bestScore * square)
                (best, bestScore) = (product / square, product * product / square);
        }
        return best;
    }
}
