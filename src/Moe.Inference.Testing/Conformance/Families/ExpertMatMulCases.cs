using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>Products with the matrices of chosen experts, bounded as in <see cref="Products.Dot"/>; rows of experts elsewhere are zero.</summary>
internal static class ExpertMatMulCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach (ElementType type in options.WeightTypes)
        {
            int block = ElementLayout.Of(type).BlockLength;
            int width = block == 1 ? 67 : Math.Max(96, block);
            foreach (bool exact in (bool[])[true, false])
            {
                int turn = 0;
                foreach (ExpertRows rows in ExpertRows.All(random))
                    yield return Case(random, rows, EncodedMatrix.Random(type, width, rows.Experts * 19, random), exact, ownRows: turn++ % 3 == 1);
                if (exact)
                    continue;
                ExpertRows many = ExpertRows.All(random).First();
                yield return Case(random, many, EncodedMatrix.Random(type, width, many.Experts * 70, random), exact, ownRows: false);
                yield return Case(random, many, EncodedMatrix.Random(type, width, many.Experts * 16, random), exact, ownRows: true, grid: false);
            }
        }
    }

    private static ConformanceCase Case(Random random, ExpertRows rows, EncodedMatrix matrices, bool exact, bool ownRows, bool grid = true)
    {
        int n = matrices.Rows / rows.Experts;
        int sources = ownRows ? rows.Rows : rows.Tokens;
        float[] x = exact || !grid ? RandomData.Gaussian(random, sources * matrices.Width) : RandomData.EightBitGrid(random, sources, matrices.Width);
        ExpectedFloats y = new(rows.Rows, n) { DescribeRow = rows.Describe };
        for (int row = 0; row < rows.Rows; row++)
        {
            ActivationRow activations = ActivationRow.For(x, ownRows ? row : row / rows.Used, matrices, exact);
            int matrix = rows.MatrixOf(row);
            for (int column = 0; column < n; column++)
                y.Set(row, column, matrix < 0 ? (0, 0) : Products.Dot(matrices, (matrix * n) + column, activations));
        }

        string name = $"{matrices.Type} [{matrices.Width}, {n}, {rows.Experts}], {rows.Name}{(ownRows ? ", a value per row" : "")}{(exact ? ", exact" : grid ? ", 8-bit activations" : ", rounded activations")}";
        return CaseBuilder.OfTokens(name, rows.Tokens, rows.Spare)
            .Input("x", ownRows ? RowCount.Tokens.Times(rows.Used) : RowCount.Tokens, matrices.Width, x)
            .Input("ids", RowCount.Tokens, rows.Used, rows.Ids)
            .Weight("experts", matrices, rows.Experts, rows.First)
            .Expect(new ExpertMatMulOp(rows.Used, rows.First), y.Check, exact);
    }
}
