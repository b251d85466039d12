using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// a + b, off by one rounding, and its normalization: the bound of <see cref="NormCases"/>, and 2·u·|y| more, as the terms are off by u.
/// </summary>
internal static class AddNormCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach ((int tokens, int width) in ((int, int)[])[(1, 1), (1, 8), (3, 67), (1, 4096), (2, 2048), (9, 33), (33, 256), (130, 128)])
        {
            foreach (float scale in (float[])[1, 1e-18f, 1e12f, 0])
                yield return Case(random, tokens, width, scale, epsilon: 1e-6f);
            yield return Case(random, tokens, width, 1, epsilon: 0.5f);
        }
    }

    private static ConformanceCase Case(Random random, int tokens, int width, float scale, float epsilon)
    {
        float[] a = [.. RandomData.Gaussian(random, tokens * width).Select(x => x * scale)];
        float[] b = [.. RandomData.Gaussian(random, tokens * width).Select(x => x * scale)];
        EncodedMatrix weight = EncodedMatrix.Of(ElementType.F32, width, RandomData.Gaussian(random, width));
        ExpectedFloats sums = new(tokens, width), normal = new(tokens, width, output: 1);
        for (int token = 0; token < tokens; token++)
        {
            double[] sum = [.. Enumerable.Range(token * width, width).Select(i => (double)a[i] + b[i])];
            double factor = 1 / Math.Sqrt((sum.Sum(x => x * x) / width) + epsilon);
            for (int i = 0; i < width; i++)
            {
                double value = sum[i] * factor * weight.Values[i];
                sums.Set(token, i, sum[i], Rounding.Unit * Math.Abs(sum[i]));
                normal.Set(token, i, value, (((width / 2.0) + 10) * Rounding.Unit * Math.Abs(value)) + Rounding.Smallest);
            }
        }

        return CaseBuilder.OfTokens($"{tokens} tokens of width {width}, x about {scale:g2}, ε {epsilon:g2}", tokens, spare: tokens % 3)
            .Input("a", RowCount.Tokens, width, a)
            .Input("b", RowCount.Tokens, width, b)
            .Weight("weight", weight)
            .Expect(new AddNormOp(epsilon), result => sums.Check(result) ?? normal.Check(result));
    }
}
