using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance;

/// <summary>Rows of weights: their bytes, and the numbers those stand for.</summary>
internal sealed class EncodedMatrix
{
    private const int Group = 32;
    private const int MostDifferentRows = 67;

    private EncodedMatrix(ElementType type, int width, byte[] bytes, float[] decoded)
    {
        Type = type;
        Width = width;
        Bytes = bytes;
        Values = Array.ConvertAll(decoded, value => (double)value);
        Spread = new double[Values.Length];
        if (ElementLayout.Of(type).BlockLength == 1)
            return;
        for (int start = 0; start < Spread.Length; start += Group)
        {
            double greatest = 0;
            foreach (double value in Values.AsSpan(start, Group))
                greatest = Math.Max(greatest, Math.Abs(value));
            Spread.AsSpan(start, Group).Fill(3 * greatest);
        }
    }

    /// <summary>Element type.</summary>
    public ElementType Type { get; }

    /// <summary>Elements of a row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Rows => Values.Length / Width;

    /// <summary>The encoded rows.</summary>
    public byte[] Bytes { get; }

    /// <summary>What the rows stand for.</summary>
    public double[] Values { get; }

    /// <summary>
    /// A bound of |scale·code| + |minimum| for each element of a block format, 0 for plain numbers: kernels may sum the two apart, so
    /// that roundings are relative to them and not to the weight. A group whose codes reach both ends of their range has it below three
    /// times its greatest weight, and the encoders see to that.
    /// </summary>
    public double[] Spread { get; }

    /// <summary>Elements that share a scale of 8-bit activations.</summary>
    public int ActivationBlock => ElementLayout.Of(Type).BlockLength;

    /// <summary>Encodes rows.</summary>
    public static EncodedMatrix Of(ElementType type, int width, float[] values) => Of(type, width, values, [.. Enumerable.Range(0, values.Length / width)]);

    /// <summary>
    /// Normally distributed weights, scaled so that products with numbers around 1 are around 1. As encoding takes long, larger matrices
    /// are made of a limited number of different rows; neighbours always differ.
    /// </summary>
    public static EncodedMatrix Random(ElementType type, int width, int rows, Random random)
    {
        int different = Math.Min(rows, MostDifferentRows);
        float[] values = RandomData.Gaussian(random, width * different);
        for (int i = 0; i < values.Length; i++)
            values[i] /= MathF.Sqrt(width);
        int[] order = new int[rows];
        for (int row = 1; row < rows; row++)
            order[row] = rows == different ? row : (order[row - 1] + 1 + random.Next(different - 1)) % different;
        return Of(type, width, values, order);
    }

    private static EncodedMatrix Of(ElementType type, int width, float[] values, int[] order)
    {
        QuantFormat format = QuantFormats.Of(type);
        int rowBytes = (int)format.Layout.RowBytes(width);
        byte[] encoded = new byte[values.Length / width * rowBytes];
        float[] decoded = new float[values.Length];
        for (int row = 0; row < values.Length / width; row++)
        {
            format.Encode(values.AsSpan(row * width, width), encoded.AsSpan(row * rowBytes, rowBytes));
            format.Decode(encoded.AsSpan(row * rowBytes, rowBytes), decoded.AsSpan(row * width, width));
        }

        byte[] bytes = new byte[order.Length * rowBytes];
        float[] all = new float[order.Length * width];
        for (int row = 0; row < order.Length; row++)
        {
            encoded.AsSpan(order[row] * rowBytes, rowBytes).CopyTo(bytes.AsSpan(row * rowBytes));
            decoded.AsSpan(order[row] * width, width).CopyTo(all.AsSpan(row * width));
        }

        return new EncodedMatrix(type, width, bytes, all);
    }
}
