using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>Several matrices applied to one value; each output has the bound of <see cref="Products.Dot"/>.</summary>
internal static class MatMulGroupCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach (ElementType type in options.WeightTypes)
        {
            int block = ElementLayout.Of(type).BlockLength;
            int width = block == 1 ? 67 : Math.Max(96, 2 * block);
            foreach (bool exact in (bool[])[true, false])
            {
                foreach (int tokens in (int[])[1, 2, 3, 5, 8, 9, 33])
                    yield return Case(random, type, width, [16, 5, 19], exact, tokens);
                yield return Case(random, type, width, [1, 130], exact, 1);
                yield return Case(random, type, width, [64, 8, 8, 3], exact, 4);
            }
        }
    }

    private static ConformanceCase Case(Random random, ElementType type, int width, int[] rows, bool exact, int tokens)
    {
        float[] x = exact ? RandomData.Gaussian(random, tokens * width) : RandomData.EightBitGrid(random, tokens, width);
        CaseBuilder builder = CaseBuilder.OfTokens($"{type} [{width}, {string.Join(" and ", rows)}], {tokens} tokens{(exact ? ", exact" : ", 8-bit activations")}", tokens, spare: tokens % 3)
            .Input("x", RowCount.Tokens, width, x);
        List<ExpectedFloats> outputs = [];
        for (int i = 0; i < rows.Length; i++)
        {
            EncodedMatrix matrix = EncodedMatrix.Random(type, width, rows[i], random);
            builder.Weight($"matrix {i}", matrix);
            ExpectedFloats y = new(tokens, rows[i], output: i);
            for (int token = 0; token < tokens; token++)
            {
                ActivationRow activations = ActivationRow.For(x, token, matrix, exact);
                for (int column = 0; column < rows[i]; column++)
                    y.Set(token, column, Products.Dot(matrix, column, activations));
            }

            outputs.Add(y);
        }

        return builder.Expect(new MatMulGroupOp(), result => outputs.Select(output => output.Check(result)).FirstOrDefault(wrong => wrong is not null), exact);
    }
}
