using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>Rows picked by number: exact.</summary>
internal static class SelectRowsCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach ((int tokens, int[] rows, int width) in ((int, int[], int)[])
            [(1, [0], 1), (5, [4], 33), (9, [0, 8], 64), (9, [8, 3, 3, 0], 7), (33, [.. RandomData.Permutation(random, 33)], 67), (4, [], 8)])
        {
            float[] x = RandomData.Gaussian(random, tokens * width);
            ExpectedFloats y = new(rows.Length, width);
            for (int i = 0; i < rows.Length * width; i++)
                y.Set(i / width, i % width, x[(rows[i / width] * width) + (i % width)], 0);
            yield return new CaseBuilder($"{rows.Length} of {tokens} rows of width {width}", new RunSize(tokens, rows.Length, 0, tokens), spare: 2)
                .Input("x", RowCount.Tokens, width, x)
                .Input("rows", RowCount.Outputs, 1, rows)
                .Expect(new SelectRowsOp(), y.Check);
        }
    }
}
