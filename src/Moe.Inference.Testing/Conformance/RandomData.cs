namespace Moe.Inference.Testing.Conformance;

/// <summary>Random operands.</summary>
internal static class RandomData
{
    /// <summary>Standard normal numbers (Box and Muller, 1958).</summary>
    public static float[] Gaussian(Random random, int count)
    {
        float[] x = new float[count];
        for (int i = 0; i < count; i++)
            x[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return x;
    }

    /// <summary>
    /// Rows of whole multiples of a power of two, at the most 127 of them and exactly 127 at least once in 32 elements: rounding to 8 bits
    /// changes nothing, so that a product of quantized weights and activations must be right up to the roundings of its sum.
    /// </summary>
    public static float[] EightBitGrid(Random random, int rows, int width)
    {
        float[] x = new float[rows * width];
        for (int row = 0; row < rows; row++)
        {
            float step = MathF.ScaleB(1, random.Next(-8, -5));
            for (int start = 0; start < width; start += 32)
            {
                int length = Math.Min(32, width - start);
                Span<float> block = x.AsSpan((row * width) + start, length);
                for (int i = 0; i < length; i++)
                    block[i] = step * random.Next(-127, 128);
                block[random.Next(length)] = step * (random.Next(2) == 0 ? 127 : -127);
            }
        }

        return x;
    }

    /// <summary>Numbers from 0 up to a count in random order.</summary>
    public static int[] Permutation(Random random, int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        random.Shuffle(order);
        return order;
    }
}
