using Moe.Inference.Sampling;

namespace Moe.Inference.Tests.Sampling;

public class PortableExpTests
{
    [Fact]
    public void Agrees_with_the_exponential_function_to_two_units_in_the_last_place()
    {
        Random random = new(3);
        float[] x = Enumerable.Range(0, 200_003).Select(i => (float)(-708 * Math.Pow(random.NextDouble(), 3))).ToArray();
        double[] weights = new double[x.Length];
        PortableExp.Weights(x, 0, weights);
        for (int i = 0; i < x.Length; i++)
        {
            double exact = Math.Exp(x[i]);
            Assert.True(Math.Abs(weights[i] - exact) <= 2 * (Math.BitIncrement(exact) - exact), $"e^{x[i]:R} came out as {weights[i]:R}");
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-709, 0)]
    [InlineData(-3e38f, 0)]
    [InlineData(float.NegativeInfinity, 0)]
    public void Ends_of_the_range_are_exact(float x, double expected)
    {
        double[] weights = new double[1];
        PortableExp.Weights([x], 0, weights);
        weights.Should().Equal(expected);
    }

    [Fact]
    public void The_difference_from_the_maximum_is_not_rounded_to_a_float()
    {
        double[] weights = new double[1];
        PortableExp.Weights([1e-7f], 10, weights);
        weights[0].Should().BeApproximately(Math.Exp(1e-7f - 10.0), 1e-20);
    }

    [Fact]
    public void A_place_in_the_row_does_not_change_the_bits()
    {
        Random random = new(8);
        float[] x = Enumerable.Range(0, 61).Select(_ => (float)(-20 * random.NextDouble())).ToArray();
        double[] whole = new double[x.Length];
        PortableExp.Weights(x, 0, whole);
        for (int i = 0; i < x.Length; i++)
        {
            double[] alone = new double[1];
            PortableExp.Weights([x[i]], 0, alone);
            BitConverter.DoubleToInt64Bits(alone[0]).Should().Be(BitConverter.DoubleToInt64Bits(whole[i]));
        }
    }

    [Fact]
    public void Every_lane_has_the_bits_of_plain_double_arithmetic()
    {
        Random random = new(4);
        float[] x = Enumerable.Range(0, 20_001).Select(_ => (float)(-708 * Math.Pow(random.NextDouble(), 3))).ToArray();
        double[] weights = new double[x.Length];
        PortableExp.Weights(x, 0, weights);
        for (int i = 0; i < x.Length; i++)
            Assert.True(weights[i].Equals(Scalar(x[i])), $"e^{x[i]:R} is {weights[i]:R} in a vector, {Scalar(x[i]):R} alone");
    }

    private static double Scalar(double x)
    {
        double k = Math.Round(x * 1.4426950408889634);
        double r = x - (k * 0.693147180369123816490) - (k * 1.90821492927058770002e-10);
        double r2 = r * r, r4 = r2 * r2, r8 = r4 * r4;
        double[] terms = new double[7];
        double factorial = 1;
        for (int n = 0; n < 14; n += 2)
        {
            terms[n / 2] = 1 / factorial;
            factorial *= n + 1;
            terms[n / 2] += r * (1 / factorial);
            factorial *= n + 2;
        }
        double to3 = terms[0] + (terms[1] * r2), to7 = terms[2] + (terms[3] * r2), to11 = terms[4] + (terms[5] * r2);
        return Math.ScaleB(to3 + (to7 * r4) + ((to11 + (terms[6] * r4)) * r8), (int)k);
    }

    [Fact]
    public void Sums_are_right_for_any_length()
    {
        for (int length = 0; length < 20; length++)
            PortableExp.Sum(Enumerable.Range(1, length).Select(n => (double)n).ToArray()).Should().Be(length * (length + 1) / 2);
    }
}
