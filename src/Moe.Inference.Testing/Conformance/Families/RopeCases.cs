using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// Cosines and sines of position · base^(−2i / width) / divisor · scale. In float32 the exponent e = 2i / width is off by e·u, and with it
/// the power by ln(base)·e·u; power, quotients and products add up to 10·u: the angle is off by angle·u·(ln(base)·e + 10), and cosine and
/// sine by that and 4·u.
/// </summary>
internal static class RopeTableCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach ((int width, float frequencyBase, float scale, bool divisors) in ((int, float, float, bool)[])
            [(2, 10000, 1, false), (64, 10000, 1, false), (128, 1000000, 1, false), (40, 500000, 1, true), (128, 10000, 0.25f, false), (6, 10000, 0.5f, true)])
        {
            yield return Case(random, [7], width, frequencyBase, scale, divisors);
            yield return Case(random, [0, 1, 2, 63, 64, 4095, 40959, 131071, 3], width, frequencyBase, scale, divisors);
            yield return Case(random, [.. Enumerable.Range(1000, 129)], width, frequencyBase, scale, divisors);
        }
    }

    private static ConformanceCase Case(Random random, int[] positions, int width, float frequencyBase, float scale, bool divided)
    {
        int pairs = width / 2;
        float[] divisors = [.. Enumerable.Range(0, pairs).Select(_ => 1 + (7 * random.NextSingle()))];
        CaseBuilder builder = CaseBuilder.OfTokens($"width {width}, base {frequencyBase}, scale {scale}{(divided ? ", divisors" : "")}, {positions.Length} tokens", positions.Length, spare: 2)
            .Input("positions", RowCount.Tokens, 1, positions);
        if (divided)
            builder.Weight("divisors", EncodedMatrix.Of(ElementType.F32, pairs, divisors));
        ExpectedFloats y = new(positions.Length, width) { DescribeRow = row => $"position {positions[row]}" };
        for (int token = 0; token < positions.Length; token++)
        {
            for (int i = 0; i < pairs; i++)
            {
                double exponent = 2.0 * i / width;
                double angle = positions[token] * Math.Pow(frequencyBase, -exponent) / (divided ? divisors[i] : 1) * scale;
                double bound = (angle * Rounding.Unit * ((Math.Log(frequencyBase) * exponent) + 10)) + (4 * Rounding.Unit);
                y.Set(token, i, Math.Cos(angle), bound);
                y.Set(token, pairs + i, Math.Sin(angle), bound);
            }
        }

        return builder.Expect(new RopeTableOp(width, frequencyBase, scale), y.Check);
    }
}

/// <summary>Pairs of elements rotated by a table: two products and a sum, 4·u·(|a·cos| + |b·sin|); the rest of a head unchanged.</summary>
internal static class RopeCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach (RopeStyle style in Enum.GetValues<RopeStyle>())
        {
            foreach ((int heads, int headWidth, int rotated) in ((int, int, int)[])[(1, 2, 2), (4, 64, 64), (3, 40, 16), (2, 10, 6), (8, 128, 128), (1, 96, 64)])
            {
                foreach (int tokens in (int[])[1, 2, 9, 33])
                    yield return Case(random, style, heads, headWidth, rotated, tokens);
            }
        }
    }

    private static ConformanceCase Case(Random random, RopeStyle style, int heads, int headWidth, int rotated, int tokens)
    {
        float[] x = RandomData.Gaussian(random, tokens * heads * headWidth);
        int pairs = rotated / 2;
        float[] table = new float[tokens * rotated];
        for (int i = 0; i < tokens * pairs; i++)
        {
            int at = (i / pairs * rotated) + (i % pairs);
            (table[at + pairs], table[at]) = MathF.SinCos(7 * random.NextSingle());
        }

        ExpectedFloats y = new(tokens, heads * headWidth);
        for (int token = 0; token < tokens; token++)
        {
            for (int head = 0; head < heads; head++)
            {
                int start = head * headWidth;
                double At(int i) => x[(token * heads * headWidth) + start + i];
                for (int i = 0; i < pairs; i++)
                {
                    double cosine = table[(token * rotated) + i], sine = table[(token * rotated) + pairs + i];
                    (int first, int second) = style == RopeStyle.Halves ? (i, i + pairs) : (2 * i, (2 * i) + 1);
                    (double a, double b) = (At(first), At(second));
                    y.Set(token, start + first, (a * cosine) - (b * sine), 4 * Rounding.Unit * (Math.Abs(a * cosine) + Math.Abs(b * sine)));
                    y.Set(token, start + second, (a * sine) + (b * cosine), 4 * Rounding.Unit * (Math.Abs(a * sine) + Math.Abs(b * cosine)));
                }

                for (int i = rotated; i < headWidth; i++)
                    y.Set(token, start + i, At(i), 0);
            }
        }

        return CaseBuilder.OfTokens($"{style}, {heads} heads of {headWidth}, {rotated} rotated, {tokens} tokens", tokens, spare: tokens % 2)
            .Input("x", RowCount.Tokens, heads * headWidth, x)
            .Input("table", RowCount.Tokens, rotated, table)
            .Expect(new RopeOp(headWidth, style), y.Check);
    }
}
