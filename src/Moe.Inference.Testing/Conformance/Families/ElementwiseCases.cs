using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// Element by element. add, mul: one rounding, u·|y|. sum of N: (N + 8)·u·Σ|xᵢ|. SiLU: an exp, a sum, a quotient and a product,
/// 12 u·|y|, and |x|·2⁻¹²⁶ as tiny sigmoids may be flushed to zero.
/// </summary>
internal static class ElementwiseCases
{
    private static readonly (int Tokens, int Width)[] Shapes = [(1, 1), (1, 7), (3, 8), (1, 1000), (9, 33), (33, 67), (129, 64), (2, 5000)];

    /// <summary>x / (1 + exp(−x)), and what float32 may be off.</summary>
    public static (double Value, double Bound) Silu(double x)
    {
        double value = x / (1 + Math.Exp(-x));
        return (value, ((Rounding.ExpUnits + 4) * Rounding.Unit * Math.Abs(value)) + (Math.Abs(x) * Rounding.Smallest) + Rounding.Smallest);
    }

    public static IEnumerable<ConformanceCase> Add(ConformanceOptions options) => Cases(options, new AddOp(), 2, x => Rounded(x[0] + x[1]));

    public static IEnumerable<ConformanceCase> Mul(ConformanceOptions options) => Cases(options, new MulOp(), 2, x => Rounded(x[0] * x[1]));

    public static IEnumerable<ConformanceCase> Sum(ConformanceOptions options) => ((int[])[2, 3, 5]).SelectMany(count =>
        Cases(options, new SumOp(), count, x => (x.Sum(), Rounding.Sum(x.Length, x.Sum(Math.Abs)))));

    public static IEnumerable<ConformanceCase> Activation(ConformanceOptions options) => Cases(options, new ActivationOp(ActivationKind.Silu), 1, x => Silu(x[0]));

    public static IEnumerable<ConformanceCase> GatedActivation(ConformanceOptions options) => Cases(options, new GatedActivationOp(ActivationKind.Silu), 2, x =>
    {
        (double activated, double bound) = Silu(x[0]);
        return (activated * x[1], (Math.Abs(x[1]) * bound) + (2 * Rounding.Unit * Math.Abs(activated * x[1])) + Rounding.Smallest);
    });

    private static IEnumerable<ConformanceCase> Cases(ConformanceOptions options, Operation operation, int operands, Func<double[], (double Value, double Bound)> formula)
    {
        Random random = new(options.Seed);
        foreach ((int tokens, int width) in Shapes)
        {
            foreach (bool extremes in (bool[])[false, true])
            {
                float[][] inputs = [.. Enumerable.Range(0, operands).Select(_ => RandomData.Gaussian(random, tokens * width))];
                if (extremes)
                    Spice(random, inputs);
                CaseBuilder builder = CaseBuilder.OfTokens($"{operands} × [{tokens}, {width}]{(extremes ? " with extremes" : "")}", tokens, spare: tokens % 2 * 3);
                ExpectedFloats y = new(tokens, width);
                for (int i = 0; i < operands; i++)
                    builder.Input($"{i}", RowCount.Tokens, width, inputs[i]);
                for (int i = 0; i < tokens * width; i++)
                    y.Set(i / width, i % width, formula([.. inputs.Select(input => (double)input[i])]));
                yield return builder.Expect(operation, y.Check);
            }
        }
    }

    // Where sigmoid saturates, exp overflows, or results vanish; no result exceeds float32.
    private static void Spice(Random random, float[][] inputs)
    {
        float[] special = [0, -0f, 1e-30f, -1e-30f, 20, -20, 88, -88, -89.5f, -104, 1000, -1000, 1e15f, -1e15f];
        foreach (float[] input in inputs)
        {
            for (int i = 0; i < input.Length; i++)
                input[i] = random.Next(2) == 0 ? input[i] : special[random.Next(special.Length)];
        }
    }

    private static (double Value, double Bound) Rounded(double value) => (value, (Rounding.Unit * Math.Abs(value)) + Rounding.Smallest);
}
