using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// x / sqrt(mean(x²) + ε) · w. The sum of n squares is off by (n + 1)·u relatively, half of that after the root; root, quotient and two
/// products add a few more: (n / 2 + 8)·u·|y|.
/// </summary>
internal static class NormCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach ((int tokens, int groups, int width) in ((int, int, int)[])
            [(1, 1, 1), (1, 1, 8), (3, 1, 67), (1, 1, 4096), (33, 1, 256), (5, 4, 32), (9, 3, 7), (17, 8, 128), (129, 2, 64)])
        {
            foreach (float scale in (float[])[1, 1e-20f, 1e12f, 0])
                yield return Case(random, tokens, groups, width, scale, epsilon: 1e-6f);
            yield return Case(random, tokens, groups, width, 1, epsilon: 0.5f);
        }
    }

    private static ConformanceCase Case(Random random, int tokens, int groups, int width, float scale, float epsilon)
    {
        float[] x = RandomData.Gaussian(random, tokens * groups * width);
        for (int i = 0; i < x.Length; i++)
            x[i] *= scale;
        EncodedMatrix weight = EncodedMatrix.Of(ElementType.F32, width, RandomData.Gaussian(random, width));
        ExpectedFloats y = new(tokens, groups * width);
        for (int group = 0; group < tokens * groups; group++)
        {
            double squares = 0;
            for (int i = group * width; i < (group + 1) * width; i++)
                squares += (double)x[i] * x[i];
            double factor = 1 / Math.Sqrt((squares / width) + epsilon);
            for (int i = 0; i < width; i++)
            {
                double value = x[(group * width) + i] * factor * weight.Values[i];
                y.Set(group / groups, (group % groups * width) + i, value, (((width / 2.0) + 8) * Rounding.Unit * Math.Abs(value)) + Rounding.Smallest);
            }
        }

        return CaseBuilder.OfTokens($"{tokens} tokens, {groups} groups of {width}, x about {scale:g2}, ε {epsilon:g2}", tokens, spare: tokens % 3)
            .Input("x", RowCount.Tokens, groups * width, x)
            .Weight("weight", weight)
            .Expect(new RmsNormOp(epsilon), y.Check);
    }
}
