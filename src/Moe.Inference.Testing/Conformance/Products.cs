using System.Numerics;

namespace Moe.Inference.Testing.Conformance;

/// <summary>A row of activations in float64, with a bound of what each element may be off when it is multiplied.</summary>
internal sealed class ActivationRow
{
    private ActivationRow(double[] x, double[] error) => (X, Error) = (x, error);

    public double[] X { get; }

    public double[] Error { get; }

    /// <summary>A row as it will meet weights.</summary>
    /// <param name="x">The numbers.</param>
    /// <param name="error">What they may be off already.</param>
    /// <param name="weights">The weights.</param>
    /// <param name="exact">Whether they may not be rounded to 8 bits.</param>
    public static ActivationRow For(double[] x, double[] error, EncodedMatrix weights, bool exact)
    {
        double[] bounds = [.. error];
        if (!exact && weights.ActivationBlock > 1)
            Rounding.AddEightBitError(x, bounds, weights.ActivationBlock);
        return new ActivationRow(x, bounds);
    }

    /// <summary>A row of a float array.</summary>
    public static ActivationRow For(float[] data, int row, EncodedMatrix weights, bool exact)
    {
        double[] x = [.. data.AsSpan(row * weights.Width, weights.Width).ToArray()];
        return For(x, new double[x.Length], weights, exact);
    }
}

/// <summary>The inner product, in float64.</summary>
internal static class Products
{
    /// <summary>
    /// Σ wᵢ·xᵢ, and the bound (k + 8)·u·Σ|wᵢ·xᵢ| + (k / 32 + 8)·u·Σ spreadᵢ·|xᵢ| + Σ|wᵢ|·errorᵢ: a float32 sum of k terms; for block
    /// formats also a sum over blocks of terms relative to <see cref="EncodedMatrix.Spread"/>, and what decoding rounds; activations that
    /// are off.
    /// </summary>
    public static (double Value, double Bound) Dot(EncodedMatrix weights, int row, ActivationRow activations)
    {
        int k = weights.Width;
        ReadOnlySpan<double> w = weights.Values.AsSpan(row * k, k), spread = weights.Spread.AsSpan(row * k, k), x = activations.X.AsSpan(0, k), error = activations.Error.AsSpan(0, k);
        Vector<double> values = default, magnitudes = default, spreads = default, inherited = default;
        int i = 0;
        for (; i <= k - Vector<double>.Count; i += Vector<double>.Count)
            Add(new Vector<double>(w[i..]), new Vector<double>(spread[i..]), new Vector<double>(x[i..]), new Vector<double>(error[i..]));
        // The rest, one lane at a time.
        for (; i < k; i++)
            Add(Vector.CreateScalar(w[i]), Vector.CreateScalar(spread[i]), Vector.CreateScalar(x[i]), Vector.CreateScalar(error[i]));

        double magnitude = Vector.Sum(magnitudes);
        return (Vector.Sum(values), Rounding.Sum(k, magnitude) + (((k / 32) + 8) * Rounding.Unit * Vector.Sum(spreads)) + Vector.Sum(inherited));

        void Add(Vector<double> weight, Vector<double> widths, Vector<double> activation, Vector<double> off)
        {
            Vector<double> size = Vector.Abs(activation) + off;
            values += weight * activation;
            magnitudes += Vector.Abs(weight) * size;
            spreads += widths * size;
            inherited += Vector.Abs(weight) * off;
        }
    }
}
