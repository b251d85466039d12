using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance;

/// <summary>
/// Error bounds of float32 arithmetic and of 8-bit activations (Higham, Accuracy and Stability of Numerical Algorithms, chapters 3 and 4).
/// </summary>
internal static class Rounding
{
    /// <summary>u, the unit roundoff of float32.</summary>
    public const double Unit = 1.0 / (1 << 24);

    /// <summary>The smallest normal float32: what is smaller may be flushed to zero.</summary>
    public const double Smallest = 1.1754943508222875e-38;

    /// <summary>
    /// Units that a float32 exp, and with it sigmoid, may be off: 8 (libraries promise 1 to 4 units in the last place, each two u).
    /// </summary>
    public const double ExpUnits = 8;

    /// <summary>Bound of a sum's error, whatever the order: γₙ·Σ|term| with n = terms, and a few roundings more for what is done to the sum.</summary>
    /// <param name="terms">Terms.</param>
    /// <param name="magnitude">Σ|term|.</param>
    public static double Sum(int terms, double magnitude) => ((terms + 8) * Unit * magnitude) + Smallest;

    /// <summary>
    /// What rounding to 8 bits may change each element of a row by: amax / 254, half a step when the greatest magnitude of a block becomes
    /// 127, and 2⁻¹⁴ of that for computing scale and quotient in float32. Nothing where the steps hold all elements of the block exactly.
    /// </summary>
    /// <param name="x">The row.</param>
    /// <param name="error">What each element may be off already; the new bounds are added to it.</param>
    /// <param name="blockLength">Elements that share a scale. Kernels may use shorter blocks, whose bound is smaller.</param>
    public static void AddEightBitError(double[] x, double[] error, int blockLength)
    {
        for (int start = 0; start < x.Length; start += blockLength)
        {
            int end = Math.Min(start + blockLength, x.Length);
            if (IsEightBitGrid(x, error, start, end))
                continue;
            double greatest = 0;
            for (int i = start; i < end; i++)
                greatest = Math.Max(greatest, Math.Abs(x[i]) + error[i]);
            double half = greatest / 254 * (1 + (1.0 / (1 << 14)));
            for (int i = start; i < end; i++)
                error[i] += x[i] == 0 && error[i] == 0 ? 0 : half;
        }
    }

    /// <summary>The bound of |stored − x| when a row is rounded to a type of key/value memory, per element; null for types without a simple one.</summary>
    /// <remarks>
    /// F16 and BF16: half a unit in the last place, 2⁻¹¹ and 2⁻⁸ relative; F16 below its normal range 2⁻²⁵ absolute. Q8_0: half a step,
    /// amax / 254, and 2⁻¹¹·amax as the step is stored in half precision (codes reach 127), below half's normal range 127·2⁻²⁵.
    /// </remarks>
    public static double? Stored(ElementType type, double x, double greatestOfBlock) => type switch
    {
        ElementType.F32 => 0,
        ElementType.F16 => Math.Max(Math.Abs(x) / (1 << 11), 1.0 / (1 << 25)),
        ElementType.BF16 => (Math.Abs(x) / (1 << 8)) + Smallest,
        ElementType.Q8_0 => (greatestOfBlock * ((1.0 / 254) + (1.0 / (1 << 11)) + (1.0 / (1 << 20)))) + (127.0 / (1 << 25)),
        _ => null,
    };

    // Every 32 elements, the shortest block in use, reach the same greatest magnitude, so that any block's step is the same.
    private static bool IsEightBitGrid(double[] x, double[] error, int start, int end)
    {
        double greatest = Greatest(x, start, Math.Min(start + 32, end));
        double step = greatest / 127;
        for (int part = start; part < end; part += 32)
        {
            if (Greatest(x, part, Math.Min(part + 32, end)) != greatest)
                return false;
        }

        for (int i = start; i < end; i++)
        {
            if (error[i] != 0 || (step != 0 && x[i] / step != Math.Round(x[i] / step)))
                return false;
        }

        return true;
    }

    private static double Greatest(double[] x, int start, int end)
    {
        double greatest = 0;
        for (int i = start; i < end; i++)
            greatest = Math.Max(greatest, Math.Abs(x[i]));
        return greatest;
    }
}
