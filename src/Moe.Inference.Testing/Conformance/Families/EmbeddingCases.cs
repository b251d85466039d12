using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// Rows of a table, decoded: exact for plain numbers; for block formats 4·u·<see cref="EncodedMatrix.Spread"/>, as scale, product and
/// minimum may be rounded one by one or together.
/// </summary>
internal static class EmbeddingCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach (ElementType type in options.WeightTypes)
        {
            int block = ElementLayout.Of(type).BlockLength;
            foreach (int width in block == 1 ? (int[])[1, 7, 67, 256] : [block, 3 * block])
            {
                EncodedMatrix table = EncodedMatrix.Random(type, width, 48, random);
                foreach (int tokens in (int[])[1, 2, 9, 33, 129])
                    yield return Case(random, table, tokens);
            }
        }
    }

    private static ConformanceCase Case(Random random, EncodedMatrix table, int tokens)
    {
        int[] ids = [.. Enumerable.Range(0, tokens).Select(_ => random.Next(table.Rows))];
        // The table's ends.
        ids[0] = table.Rows - 1;
        ids[^1] = tokens > 1 ? 0 : ids[^1];
        ExpectedFloats y = new(tokens, table.Width) { DescribeRow = row => $"id {ids[row]}" };
        for (int row = 0; row < tokens; row++)
        {
            for (int column = 0; column < table.Width; column++)
            {
                int at = (ids[row] * table.Width) + column;
                y.Set(row, column, table.Values[at], 4 * Rounding.Unit * table.Spread[at]);
            }
        }

        return CaseBuilder.OfTokens($"{table.Type} [{table.Width}, {table.Rows}], {tokens} tokens", tokens, spare: tokens % 2 * 4)
            .Input("ids", RowCount.Tokens, 1, ids)
            .Weight("table", table)
            .Expect(new EmbeddingOp(), y.Check);
    }
}
