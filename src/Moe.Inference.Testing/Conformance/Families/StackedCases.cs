using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// Weighted sums of each token's stacked rows: N products and their sum, (N + 8)·u·Σ|weight·x|; and one slot of them: one rounding.
/// </summary>
internal static class StackedCases
{
    private static readonly (int Tokens, int Count, int Width)[] Shapes =
        [(1, 1, 1), (1, 8, 256), (2, 2, 7), (3, 4, 33), (5, 3, 64), (9, 8, 67), (17, 6, 5), (33, 2, 130), (129, 4, 16)];

    public static IEnumerable<ConformanceCase> MultiAdd(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach ((int tokens, int count, int width) in Shapes)
        {
            yield return Case(random, tokens, count, width, new MultiAddOp(count), (x, weights) =>
            {
                double sum = 0, magnitude = 0;
                for (int i = 0; i < x.Length; i++)
                {
                    sum += x[i] * weights[i];
                    magnitude += Math.Abs(x[i] * weights[i]);
                }

                return (sum, Rounding.Sum(count, magnitude));
            });
        }
    }

    public static IEnumerable<ConformanceCase> ScaledSlot(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach ((int tokens, int count, int width) in Shapes)
        {
            foreach (int slot in (int[])[.. new HashSet<int> { 0, count / 2, count - 1 }])
            {
                yield return Case(random, tokens, count, width, new ScaledSlotOp(slot, count), (x, weights) =>
                    (x[slot] * weights[slot], (Rounding.Unit * Math.Abs(x[slot] * weights[slot])) + Rounding.Smallest));
            }
        }
    }

    private static ConformanceCase Case(Random random, int tokens, int count, int width, Operation operation, Func<double[], double[], (double Value, double Bound)> formula)
    {
        float[] x = RandomData.Gaussian(random, tokens * count * width);
        float[] weights = RandomData.Gaussian(random, tokens * count);
        // Experts on another device leave rows of zeros.
        for (int row = 0; row < tokens * count; row++)
        {
            if (random.Next(4) == 0)
                x.AsSpan(row * width, width).Clear();
        }

        ExpectedFloats y = new(tokens, width);
        for (int token = 0; token < tokens; token++)
        {
            double[] factors = [.. weights.AsSpan(token * count, count).ToArray()];
            for (int column = 0; column < width; column++)
                y.Set(token, column, formula([.. Enumerable.Range(0, count).Select(slot => (double)x[(((token * count) + slot) * width) + column])], factors));
        }

        return CaseBuilder.OfTokens($"{(operation is ScaledSlotOp one ? $"slot {one.Slot} of {count}" : $"{count} rows")} of width {width}, {tokens} tokens", tokens, spare: tokens % 3)
            .Input("x", RowCount.Tokens.Times(count), width, x)
            .Input("weights", RowCount.Tokens, count, weights)
            .Expect(operation, y.Check);
    }
}
