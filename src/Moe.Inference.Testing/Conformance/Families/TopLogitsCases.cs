using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// The greatest logits and their tokens, exactly; the sum of e^(x − greatest), and so its second part, within (n + |x − greatest| + 16)·u of each term.
/// </summary>
internal static class TopLogitsCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach ((int rows, int width, int count) in ((int, int, int)[])[(1, 1, 1), (2, 5, 8), (3, 1000, 64), (1, 1023, 64), (2, 4099, 64), (1, 8200, 64), (0, 64, 8)])
        {
            yield return Case(random, rows, width, count, "", _ => 4 * RandomData.Gaussian(random, 1)[0]);
            yield return Case(random, rows, width, count, ", many ties", _ => random.Next(-2, 3) * 0.5f);
            yield return Case(random, rows, width, count, ", all equal", _ => -3.25f);
            yield return Case(random, rows, width, count, ", ascending", i => i * 0.01f);
            yield return Case(random, rows, width, count, ", zeros of both signs", _ => random.Next(2) == 0 ? 0f : -0f);
            yield return Case(random, rows, width, count, ", most forbidden", i => i % 37 == 1 ? i * 0.001f : float.NegativeInfinity);
            yield return Case(random, rows, width, count, ", all forbidden", _ => float.NegativeInfinity);
            yield return Case(random, rows, width, count, ", NaN at the end", i => i == width - 1 ? float.NaN : 1);
            yield return Case(random, rows, width, count, ", infinity", i => i == width / 2 ? float.PositiveInfinity : 1);
            yield return Case(random, rows, width, count, ", great logits", _ => 1e4f * RandomData.Gaussian(random, 1)[0]);
        }
    }

    private static ConformanceCase Case(Random random, int rows, int width, int count, string special, Func<int, float> logit)
    {
        float[] logits = new float[rows * width];
        for (int i = 0; i < logits.Length; i++)
            logits[i] = logit(i % width);
        ExpectedFloats result = new(rows, TopLogitsOp.LogitsAt + (2 * count));
        for (int row = 0; row < rows; row++)
            Expect(result, row, logits.AsSpan(row * width, width).ToArray(), count);
        return new CaseBuilder($"{count} of {width} logits{special}, {rows} rows", new RunSize(Math.Max(1, rows), rows, 0, 1), spare: random.Next(3))
            .Input("logits", RowCount.Outputs, width, logits)
            .Expect(new TopLogitsOp(count), result.Check);
    }

    private static void Expect(ExpectedFloats result, int row, float[] logits, int count)
    {
        bool usable = float.IsFinite(logits.Max()) && !logits.Any(float.IsNaN);
        int[] order = usable ? [.. Enumerable.Range(0, logits.Length).Where(i => logits[i] > float.NegativeInfinity).OrderByDescending(i => logits[i] + 0f).ThenBy(i => i).Take(count)] : [];
        double greatest = usable ? logits.Max() : 0, total = 0, bound = 0;
        foreach (float logit in usable ? logits : [])
        {
            double term = Math.Exp(logit - greatest);
            total += term;
            bound += term == 0 ? 0 : (logits.Length + greatest - logit + 16) * Rounding.Unit * term;
        }

        result.Set(row, 0, total, bound + Rounding.Smallest);
        result.Set(row, 1, 0, bound + Rounding.Smallest);
        for (int i = 0; i < count; i++)
        {
            result.Set(row, TopLogitsOp.LogitsAt + i, i < order.Length ? logits[order[i]] : 0, 0);
            result.Set(row, TopLogitsOp.LogitsAt + count + i, i < order.Length ? order[i] : -1, 0);
        }
    }
}
