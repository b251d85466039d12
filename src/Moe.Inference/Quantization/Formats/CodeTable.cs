namespace Moe.Inference.Quantization;

/// <summary>Encoding into ascending tables of values.</summary>
internal static class CodeTable
{
    private const int Tries = 6;

    /// <summary>The code whose value is nearest.</summary>
    public static int Nearest(ReadOnlySpan<sbyte> values, float value)
    {
        int code = 0;
        while (code < values.Length - 1 && value > 0.5f * (values[code] + values[code + 1]))
            code++;
        return code;
    }

    /// <summary>The scale, of either sign, with which a table fits the weights best in least squares, of a few tried around its largest value.</summary>
    public static unsafe float FitScale(ReadOnlySpan<sbyte> values, float* x, int count)
    {
        float extreme = GroupFit.Extreme(x, count), best = 0, bestScore = 0;
        for (int step = -Tries; step <= Tries; step++)
        {
            float inverse = extreme == 0 ? 0 : (values[0] + (3 * step)) / extreme;
            float product = 0, square = 0;
            for (int i = 0; i < count; i++)
            {
                float value = values[Nearest(values, x[i] * inverse)];
                product += value * x[i];
                square += value * value;
            }

            if (product * product > bestScore * square)
                (best, bestScore) = (product / square, product * product / square);
        }

        return best;
    }
}
