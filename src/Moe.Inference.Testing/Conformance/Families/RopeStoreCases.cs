using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// Queries and keys normalized by head, (width / 2 + 8)·u·|n|, rotated, 4·u·(|a·cos| + |b·sin|) and what a and b are off; keys and values
/// stored as in <see cref="KvStoreCases"/>.
/// </summary>
internal static class RopeStoreCases
{
    private const int Page = 64;
    private const int Pages = 4;
    private const float Epsilon = 1e-6f;

    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach (ElementType type in options.KvTypes.Where(type => Rounding.Stored(type, 0, 0) is not null))
        {
            foreach ((int heads, int kvHeads, int keyWidth, int valueWidth, int rotated) in ((int, int, int, int, int)[])[(4, 2, 32, 32, 32), (8, 1, 128, 64, 128), (3, 3, 64, 96, 40), (4, 2, 6, 5, 6)])
            {
                if (keyWidth % ElementLayout.Of(type).BlockLength != 0)
                    continue;
                foreach (RopeStyle style in Enum.GetValues<RopeStyle>())
                {
                    foreach (bool normalize in (bool[])[true, false])
                    {
                        Shape shape = new(heads, new KvLayer(0, kvHeads, keyWidth, valueWidth), rotated, style, normalize);
                        yield return Case(random, shape, type, [(3 * Page) - 1]);
                        yield return Case(random, shape, type, [0, Page - 1, Page, (4 * Page) - 1, 2 * Page, Page + 1]);
                        yield return Case(random, shape, type, RandomData.Permutation(random, Pages * Page)[..67]);
                    }
                }
            }
        }
    }

    private static ConformanceCase Case(Random random, Shape shape, ElementType type, int[] slots)
    {
        KvLayer layer = shape.Layer;
        int tokens = slots.Length, pairs = shape.Rotated / 2;
        float[] queries = RandomData.Gaussian(random, tokens * shape.Heads * layer.KeyWidth), keys = RandomData.Gaussian(random, tokens * layer.KeyRow);
        float[] values = RandomData.Gaussian(random, tokens * layer.ValueRow), table = new float[tokens * shape.Rotated];
        for (int i = 0; i < tokens * pairs; i++)
        {
            int at = (i / pairs * shape.Rotated) + (i % pairs);
            (table[at + pairs], table[at]) = MathF.SinCos(7 * random.NextSingle());
        }

        EncodedMatrix[] norms = [.. Enumerable.Range(0, shape.Normalize ? 2 : 0).Select(_ => EncodedMatrix.Of(ElementType.F32, layer.KeyWidth, RandomData.Gaussian(random, layer.KeyWidth)))];
        int rows = Pages * Page * layer.Heads;
        KvImage before = new(layer, type, Page, EncodedMatrix.Random(type, layer.KeyWidth, rows, random).Bytes, EncodedMatrix.Random(type, layer.ValueWidth, rows, random).Bytes);
        ExpectedFloats rotatedQueries = new(tokens, shape.Heads * layer.KeyWidth);
        var wanted = Rotate(shape, queries, shape.Heads, table, norms.Length > 0 ? norms[0] : null);
        for (int i = 0; i < wanted.Length; i++)
            rotatedQueries.Set(i / (shape.Heads * layer.KeyWidth), i % (shape.Heads * layer.KeyWidth), wanted[i]);
        var rotatedKeys = Rotate(shape, keys, layer.Heads, table, norms.Length > 0 ? norms[1] : null);

        CaseBuilder builder = CaseBuilder.OfTokens($"{type}, {shape.Heads} over {layer.Heads} heads of {layer.KeyWidth} and {layer.ValueWidth}, {shape.Rotated} rotated by {shape.Style}{(shape.Normalize ? ", normalized" : "")}, {tokens} tokens", tokens, spare: tokens % 2 * 3)
            .Input("queries", RowCount.Tokens, shape.Heads * layer.KeyWidth, queries)
            .Input("keys", RowCount.Tokens, layer.KeyRow, keys)
            .Input("values", RowCount.Tokens, layer.ValueRow, values)
            .Input("table", RowCount.Tokens, shape.Rotated, table)
            .Input("slots", RowCount.Tokens, 1, slots);
        for (int i = 0; i < norms.Length; i++)
            builder.Weight($"norm {i}", norms[i]);
        return builder.Expect(
            new RopeStoreOp(layer.KeyWidth, shape.Style, Epsilon),
            result => rotatedQueries.Check(result)
                ?? KvStoreCases.Check("keys", layer.Heads, slots, rotatedKeys, before, before.Keys, result.Keys!)
                ?? KvStoreCases.Check("values", layer.Heads, slots, KvStoreCases.Exactly(values), before, before.Values, result.Values!),
            kv: before)
            with
        { WritesKv = true };
    }

    private static (double Value, double Bound)[] Rotate(Shape shape, float[] x, int heads, float[] table, EncodedMatrix? norm)
    {
        int width = shape.Layer.KeyWidth, pairs = shape.Rotated / 2;
        var result = new (double Value, double Bound)[x.Length];
        for (int head = 0; head < x.Length / width; head++)
        {
            Span<(double Value, double Bound)> row = result.AsSpan(head * width, width);
            double squares = 0;
            for (int i = 0; i < width; i++)
                squares += (double)x[(head * width) + i] * x[(head * width) + i];
            for (int i = 0; i < width; i++)
            {
                double value = x[(head * width) + i] * (norm is null ? 1 : norm.Values[i] / Math.Sqrt((squares / width) + Epsilon));
                row[i] = (value, norm is null ? 0 : (((width / 2.0) + 8) * Rounding.Unit * Math.Abs(value)) + Rounding.Smallest);
            }

            int token = head / heads;
            for (int i = 0; i < pairs; i++)
            {
                double cosine = table[(token * shape.Rotated) + i], sine = table[(token * shape.Rotated) + pairs + i];
                (int first, int second) = shape.Style == RopeStyle.Halves ? (i, i + pairs) : (2 * i, (2 * i) + 1);
                ((double a, double aBound), (double b, double bBound)) = (row[first], row[second]);
                row[first] = ((a * cosine) - (b * sine), Bound(a * cosine, b * sine, aBound * Math.Abs(cosine), bBound * Math.Abs(sine)));
                row[second] = ((a * sine) + (b * cosine), Bound(a * sine, b * cosine, aBound * Math.Abs(sine), bBound * Math.Abs(cosine)));
            }
        }

        return result;
    }

    private static double Bound(double one, double other, double oneOff, double otherOff) =>
        (4 * Rounding.Unit * (Math.Abs(one) + Math.Abs(other))) + ((oneOff + otherOff) * (1 + (4 * Rounding.Unit)));

    private sealed record Shape(int Heads, KvLayer Layer, int Rotated, RopeStyle Style, bool Normalize);
}
