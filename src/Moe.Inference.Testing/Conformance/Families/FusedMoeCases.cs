using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// down · (f(gate · x) ⊙ (up · x)) of the chosen experts. Bounds are carried through: those of the two products into the hidden row
/// (|f'| ≤ 1.1 for SiLU), that row's rounding to 8 bits where it may be rounded, and all of it into the last product.
/// </summary>
internal static class FusedMoeCases
{
    // The steepest slope of SiLU is 1.0998, near 2.4.
    private const double Slope = 1.1;

    /// <summary>Every chosen expert's row.</summary>
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options) => All(options, summed: false);

    /// <summary>Their weighted sums: used products and their sum, (used + 8)·u·Σ|weight·row|, and what the rows are off.</summary>
    public static IEnumerable<ConformanceCase> Summed(ConformanceOptions options) => All(options, summed: true);

    private static IEnumerable<ConformanceCase> All(ConformanceOptions options, bool summed)
    {
        Random random = new(options.Seed);
        foreach (ElementType type in options.WeightTypes)
        {
            foreach (bool exact in (bool[])[true, false])
            {
                // Float64 takes its time over hundreds of rows of large blocks; those are run the way models are.
                bool large = ElementLayout.Of(type).BlockLength > 32;
                foreach (ExpertRows rows in ExpertRows.All(random).Where(rows => !(exact && large && rows.Tokens > 100)))
                    yield return Case(random, rows, Networks.Random(random, rows.Experts, type, type), exact, summed);
                // Files often keep the last matrix in a wider type.
                ExpertRows last = ExpertRows.All(random).ElementAt(3);
                yield return Case(random, last, Networks.Random(random, last.Experts, type, ElementType.Q8_0), exact, summed);
                yield return Case(random, last, Networks.Random(random, last.Experts, type, ElementType.Q6_K), exact, summed);
            }
        }
    }

    private static ConformanceCase Case(Random random, ExpertRows rows, Networks networks, bool exact, bool summed)
    {
        int width = networks.Gate.Width;
        float[] x = exact ? RandomData.Gaussian(random, rows.Tokens * width) : RandomData.EightBitGrid(random, rows.Tokens, width);
        float[] factors = RandomData.Gaussian(random, rows.Rows);
        ExpectedFloats y = summed
            ? new ExpectedFloats(rows.Tokens, networks.Outputs)
            : new ExpectedFloats(rows.Rows, networks.Outputs) { DescribeRow = rows.Describe };
        (double Value, double Bound)[] products = new (double, double)[rows.Rows * networks.Outputs];
        for (int row = 0; row < rows.Rows; row++)
        {
            int expert = rows.MatrixOf(row);
            ActivationRow? hidden = expert < 0 ? null : networks.HiddenOf(expert, ActivationRow.For(x, row / rows.Used, networks.Gate, exact), exact);
            for (int column = 0; column < networks.Outputs; column++)
                products[(row * networks.Outputs) + column] = hidden is null ? (0, 0) : Products.Dot(networks.Down, (expert * networks.Outputs) + column, hidden);
        }

        for (int row = 0; row < (summed ? rows.Tokens : rows.Rows); row++)
        {
            for (int column = 0; column < networks.Outputs; column++)
                y.Set(row, column, summed ? Sum(products, factors, row, rows.Used, networks.Outputs, column) : products[(row * networks.Outputs) + column]);
        }

        string name = $"gate and up {networks.Gate.Type} [{width}, {networks.Hidden}, {rows.Experts}], down {networks.Down.Type}, {rows.Name}{(exact ? ", exact" : ", 8-bit activations")}";
        CaseBuilder builder = CaseBuilder.OfTokens(name, rows.Tokens, rows.Spare)
            .Input("x", RowCount.Tokens, width, x)
            .Input("ids", RowCount.Tokens, rows.Used, rows.Ids);
        if (summed)
            builder.Input("weights", RowCount.Tokens, rows.Used, factors);
        builder.Weight("gate", networks.Gate, rows.Experts, rows.First)
            .Weight("up", networks.Up, rows.Experts, rows.First)
            .Weight("down", networks.Down, rows.Experts, rows.First);
        FusedMoeOp experts = new(rows.Used, ActivationKind.Silu, rows.First);
        return builder.Expect(summed ? new MoeSumOp(experts) : experts, y.Check, exact);
    }

    private static (double Value, double Bound) Sum((double Value, double Bound)[] products, float[] factors, int token, int used, int width, int column)
    {
        double sum = 0, magnitude = 0, inherited = 0;
        for (int slot = 0; slot < used; slot++)
        {
            int row = (token * used) + slot;
            (double value, double bound) = products[(row * width) + column];
            sum += factors[row] * value;
            magnitude += Math.Abs(factors[row] * value);
            inherited += Math.Abs(factors[row]) * bound;
        }

        return (sum, Rounding.Sum(used, magnitude) + (inherited * (1 + (used * Rounding.Unit))));
    }

    /// <summary>The matrices of all experts.</summary>
    private sealed record Networks(EncodedMatrix Gate, EncodedMatrix Up, EncodedMatrix Down, int Hidden, int Outputs)
    {
        public static Networks Random(Random random, int experts, ElementType type, ElementType down)
        {
            int block = ElementLayout.Of(type).BlockLength, hiddenBlock = ElementLayout.Of(down).BlockLength;
            int width = block == 1 ? 45 : Math.Max(96, block);
            int hidden = hiddenBlock == 1 ? 37 : Math.Max(64, hiddenBlock);
            const int Outputs = 21;
            return new Networks(
                EncodedMatrix.Random(type, width, hidden * experts, random),
                EncodedMatrix.Random(type, width, hidden * experts, random),
                EncodedMatrix.Random(down, hidden, Outputs * experts, random),
                hidden,
                Outputs);
        }

        public ActivationRow HiddenOf(int expert, ActivationRow x, bool exact)
        {
            double[] hidden = new double[Hidden], error = new double[Hidden];
            for (int i = 0; i < hidden.Length; i++)
            {
                (double gate, double gateError) = Products.Dot(Gate, (expert * Hidden) + i, x);
                (double up, double upError) = Products.Dot(Up, (expert * Hidden) + i, x);
                (double activated, double activationError) = ElementwiseCases.Silu(gate);
                activationError += Slope * gateError;
                hidden[i] = activated * up;
                error[i] = (Math.Abs(up) * activationError) + ((Math.Abs(activated) + activationError) * upError) + (2 * Rounding.Unit * Math.Abs(hidden[i]));
            }

            return ActivationRow.For(hidden, error, Down, exact);
        }
    }
}
