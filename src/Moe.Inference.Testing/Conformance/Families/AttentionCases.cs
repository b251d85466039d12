using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>Attention's three steps in float64, with bounds.</summary>
internal static class AttentionReference
{
    /// <summary>
    /// scale·q·k over all keys that a token sees: a sum of width terms, (width + 8)·u·scale·Σ|q·k|, where 8 covers the factor, and for
    /// quantized keys the rounding of scale·code, too.
    /// </summary>
    public static (double Value, double Bound)[] Scores(KvScenario scenario, float[] queries, int token, int head)
    {
        AttentionShape shape = scenario.Shape;
        ReadOnlySpan<float> query = queries.AsSpan((token * shape.QueryRow) + (head * shape.KeyWidth), shape.KeyWidth);
        var scores = new (double, double)[scenario.Length(token)];
        for (int position = 0; position < scores.Length; position++)
        {
            ReadOnlySpan<double> key = scenario.Key(token, position, head / shape.Group);
            double sum = 0, magnitude = 0;
            for (int i = 0; i < query.Length; i++)
            {
                sum += query[i] * key[i];
                magnitude += Math.Abs(query[i] * key[i]);
            }

            scores[position] = (shape.Scale * sum, Rounding.Sum(query.Length, shape.Scale * magnitude));
        }

        return scores;
    }

    /// <summary>
    /// Softmax: p ∝ exp(s − max). An exp inherits the bound of its score, u·|s − max| from the difference and 8·u of its own; what the
    /// maximum is off is a factor of all of them and cancels. The total inherits their mean and (L + 8)·u for L terms.
    /// </summary>
    public static (double Value, double Bound)[] Softmax((double Value, double Bound)[] scores)
    {
        double greatest = scores.Max(score => score.Value);
        double[] weights = [.. scores.Select(score => Math.Exp(score.Value - greatest))];
        double total = weights.Sum();
        double[] relative = [.. scores.Select(score => score.Bound + ((greatest - score.Value + Rounding.ExpUnits) * Rounding.Unit))];
        double mean = 0;
        for (int i = 0; i < weights.Length; i++)
            mean += weights[i] / total * relative[i];
        return [.. weights.Select((weight, i) => (weight / total, (weight / total * (relative[i] + mean + ((weights.Length + 8) * Rounding.Unit))) + Rounding.Smallest))];
    }

    /// <summary>Σ p·v: each weight's own bound, and (L + 8)·u·Σ|p·v|; for a running softmax twice that, as sums are rescaled on the way.</summary>
    public static (double Value, double Bound) Values(KvScenario scenario, (double Value, double Bound)[] weights, int token, int head, int column)
    {
        double sum = 0, magnitude = 0, inherited = 0;
        for (int position = 0; position < weights.Length; position++)
        {
            double value = scenario.Value(token, position, head / scenario.Shape.Group)[column];
            sum += weights[position].Value * value;
            magnitude += Math.Abs(weights[position].Value * value);
            inherited += weights[position].Bound * Math.Abs(value);
        }

        return (sum, Rounding.Sum(2 * weights.Length, magnitude) + inherited);
    }

    /// <summary>A row of an output per token and head, for people.</summary>
    public static Func<int, string> RowOfHead(KvScenario scenario) =>
        row => $"token {row / scenario.Shape.Heads}, head {row % scenario.Shape.Heads}, {scenario.Length(row / scenario.Shape.Heads)} keys";
}

/// <summary>Attention in one pass; see <see cref="AttentionReference"/> for the bounds.</summary>
internal static class FlashAttentionCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach (KvScenario scenario in KvScenario.All(options))
        {
            AttentionShape shape = scenario.Shape;
            // Greater queries make a sharper softmax, in which the greatest score moves along the context.
            foreach (float scale in (float[])[1, 6])
            {
                float[] queries = [.. RandomData.Gaussian(random, scenario.Tokens * shape.QueryRow).Select(x => x * scale)];
                ExpectedFloats y = new(scenario.Tokens, shape.OutputRow) { DescribeRow = row => $"{scenario.Length(row)} keys" };
                for (int token = 0; token < scenario.Tokens; token++)
                {
                    for (int head = 0; head < shape.Heads; head++)
                    {
                        var weights = AttentionReference.Softmax(AttentionReference.Scores(scenario, queries, token, head));
                        for (int i = 0; i < shape.ValueWidth; i++)
                            y.Set(token, (head * shape.ValueWidth) + i, AttentionReference.Values(scenario, weights, token, head, i));
                    }
                }

                CaseBuilder builder = scenario.Start(spare: scale == 1 ? 0 : 3, scale == 1 ? "" : ", sharp").Input("queries", RowCount.Tokens, shape.QueryRow, queries);
                yield return scenario.AddTables(builder).Expect(new FlashAttentionOp(shape), y.Check, kv: scenario.Image);
            }
        }
    }
}

/// <summary>The first step of composed attention; places beyond what a token sees must not be written.</summary>
internal static class AttentionScoresCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach (KvScenario scenario in KvScenario.All(options))
        {
            AttentionShape shape = scenario.Shape;
            int context = scenario.Context + 3;
            float[] queries = RandomData.Gaussian(random, scenario.Tokens * shape.QueryRow);
            ExpectedFloats y = new(scenario.Tokens * shape.Heads, context) { DescribeRow = AttentionReference.RowOfHead(scenario) };
            for (int row = 0; row < scenario.Tokens * shape.Heads; row++)
            {
                var scores = AttentionReference.Scores(scenario, queries, row / shape.Heads, row % shape.Heads);
                for (int position = 0; position < scores.Length; position++)
                    y.Set(row, position, scores[position]);
            }

            CaseBuilder builder = scenario.Start(spare: 2).Input("queries", RowCount.Tokens, shape.QueryRow, queries);
            yield return scenario.AddTables(builder).Expect(new AttentionScoresOp(shape, context), y.Check, kv: scenario.Image);
        }
    }
}

/// <summary>The last step of composed attention; weights beyond what a token sees are NaN.</summary>
internal static class AttentionValuesCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach (KvScenario scenario in KvScenario.All(options))
        {
            AttentionShape shape = scenario.Shape;
            int context = scenario.Context + 5;
            int rows = scenario.Tokens * shape.Heads;
            float[] weights = [.. Enumerable.Repeat(float.NaN, rows * context)];
            ExpectedFloats y = new(scenario.Tokens, shape.OutputRow) { DescribeRow = row => $"{scenario.Length(row)} keys" };
            for (int row = 0; row < rows; row++)
            {
                (int token, int head) = Math.DivRem(row, shape.Heads);
                var given = new (double Value, double Bound)[scenario.Length(token)];
                for (int position = 0; position < given.Length; position++)
                    given[position] = (weights[(row * context) + position] = random.NextSingle() / given.Length, 0);
                for (int i = 0; i < shape.ValueWidth; i++)
                    y.Set(token, (head * shape.ValueWidth) + i, AttentionReference.Values(scenario, given, token, head, i));
            }

            CaseBuilder builder = scenario.Start(spare: 1).Input("weights", RowCount.Tokens.Times(shape.Heads), context, weights);
            yield return scenario.AddTables(builder).Expect(new AttentionValuesOp(shape), y.Check, kv: scenario.Image);
        }
    }
}

/// <summary>The second step of composed attention; scores beyond what a token sees are NaN, and there nothing may be written.</summary>
internal static class MaskedSoftmaxCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach ((int[] lengths, int heads, int context) in ((int[], int, int)[])
            [([1], 1, 1), ([1, 2, 7, 8, 9], 2, 9), ([63, 64, 65, 1], 4, 70), ([1100], 3, 1100), ([.. Enumerable.Range(1, 33)], 5, 40), ([513, 4], 8, 600)])
        {
            foreach (float scale in (float[])[1, 30])
                yield return Case(random, lengths, heads, context, scale);
        }
    }

    private static ConformanceCase Case(Random random, int[] lengths, int heads, int context, float scale)
    {
        float[] scores = [.. Enumerable.Repeat(float.NaN, lengths.Length * heads * context)];
        ExpectedFloats y = new(lengths.Length * heads, context) { DescribeRow = row => $"token {row / heads}, head {row % heads}, {lengths[row / heads]} keys" };
        for (int row = 0; row < lengths.Length * heads; row++)
        {
            float[] seen = [.. RandomData.Gaussian(random, lengths[row / heads]).Select(x => x * scale)];
            seen.CopyTo(scores.AsSpan(row * context));
            var weights = AttentionReference.Softmax([.. seen.Select(x => ((double)x, 0.0))]);
            for (int i = 0; i < weights.Length; i++)
                y.Set(row, i, weights[i]);
        }

        return CaseBuilder.OfTokens($"{lengths.Length} tokens, {heads} heads, context {context}, scores about {scale}", lengths.Length, spare: 2)
            .Input("scores", RowCount.Tokens.Times(heads), context, scores)
            .Input("lengths", RowCount.Tokens, 1, lengths)
            .Expect(new MaskedSoftmaxOp(heads), y.Check);
    }
}
