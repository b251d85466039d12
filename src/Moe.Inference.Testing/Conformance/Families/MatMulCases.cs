using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>y = W·x + b. The bound is that of <see cref="Products.Dot"/>, and one rounding for the bias.</summary>
internal static class MatMulCases
{
    private static readonly int[] Tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 128, 129];

    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach (ElementType type in options.WeightTypes)
        {
            int block = ElementLayout.Of(type).BlockLength;
            int width = block == 1 ? 67 : Math.Max(96, 2 * block);
            foreach (bool exact in (bool[])[true, false])
            {
                EncodedMatrix matrix = EncodedMatrix.Random(type, width, 19, random);
                foreach (int tokens in Tokens)
                    yield return Case(random, matrix, exact, tokens, spare: tokens % 3);
                foreach (int rows in (int[])[1, 2, 16, 65, 130])
                    yield return Case(random, EncodedMatrix.Random(type, width, rows, random), exact, 3);
                yield return Case(random, EncodedMatrix.Random(type, block == 1 ? 1 : block, 5, random), exact, 5);
                yield return Case(random, EncodedMatrix.Random(type, block == 1 ? 300 : 5 * block, 7, random), exact, 6);
                yield return Case(random, matrix, exact, 5, bias: true);
                yield return Case(random, matrix, exact, 33, bias: true, spare: 4);
                foreach (int wanted in (int[])[0, 1, 3])
                    yield return OfOutputs(random, matrix, exact, wanted);
                // Activations that 8 bits do not hold.
                foreach (int tokens in exact ? [] : (int[])[1, 3, 5, 33])
                    yield return Case(random, matrix, exact, tokens, grid: false);
            }
        }
    }

    private static ConformanceCase Case(Random random, EncodedMatrix matrix, bool exact, int tokens, int spare = 0, bool bias = false, bool grid = true)
    {
        string name = $"{matrix.Type} [{matrix.Width}, {matrix.Rows}]{(bias ? " with bias" : "")}, {tokens} tokens{Mode(exact, grid)}";
        return Finish(CaseBuilder.OfTokens(name, tokens, spare), random, matrix, RowCount.Tokens, tokens, exact, bias, grid);
    }

    // The model's last product has a row per wanted position, perhaps none.
    private static ConformanceCase OfOutputs(Random random, EncodedMatrix matrix, bool exact, int wanted) =>
        Finish(new CaseBuilder($"{matrix.Type} [{matrix.Width}, {matrix.Rows}], {wanted} wanted rows of 5 tokens{Mode(exact, true)}", new RunSize(5, wanted, 0, 5), spare: 2), random, matrix, RowCount.Outputs, wanted, exact, bias: false, grid: true);

    private static ConformanceCase Finish(CaseBuilder builder, Random random, EncodedMatrix matrix, RowCount rows, int count, bool exact, bool bias, bool grid)
    {
        float[] x = exact || !grid ? RandomData.Gaussian(random, count * matrix.Width) : RandomData.EightBitGrid(random, count, matrix.Width);
        builder.Input("x", rows, matrix.Width, x).Weight("matrix", matrix);
        EncodedMatrix? offsets = bias ? EncodedMatrix.Of(ElementType.F32, matrix.Rows, RandomData.Gaussian(random, matrix.Rows)) : null;
        if (offsets is not null)
            builder.Weight("bias", offsets);
        ExpectedFloats y = new(count, matrix.Rows);
        for (int row = 0; row < count; row++)
        {
            ActivationRow activations = ActivationRow.For(x, row, matrix, exact);
            for (int column = 0; column < matrix.Rows; column++)
            {
                (double value, double bound) = Products.Dot(matrix, column, activations);
                double sum = value + (offsets?.Values[column] ?? 0);
                y.Set(row, column, sum, bound + (offsets is null ? 0 : Rounding.Unit * (Math.Abs(sum) + bound)));
            }
        }

        return builder.Expect(new MatMulOp(), y.Check, exact);
    }

    private static string Mode(bool exact, bool grid) => exact ? ", exact" : grid ? ", 8-bit activations" : ", rounded activations";
}
