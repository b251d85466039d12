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
    public void Sums_are_right_for_any_length()
    {
        for (int length = 0; length < 20; length++)
            PortableExp.Sum(Enumerable.Range(1, length).Select(n => (double)n).ToArray()).Should().Be(length * (length + 1) / 2);
    }
}
