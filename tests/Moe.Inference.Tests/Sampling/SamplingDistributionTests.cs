using Moe.Inference.Sampling;

namespace Moe.Inference.Tests.Sampling;

/// <summary>Long runs at fixed seeds against the exact probabilities, by Pearson's chi-square.</summary>
public class SamplingDistributionTests
{
    private const int Draws = 200_000;

    [Theory]
    [InlineData(1f, 0, 1f, 0f)]
    [InlineData(0.7f, 0, 1f, 0f)]
    [InlineData(1.8f, 12, 1f, 0f)]
    [InlineData(0.8f, 0, 0.9f, 0f)]
    [InlineData(1.3f, 0, 1f, 0.1f)]
    [InlineData(0.8f, 40, 0.95f, 0.05f)]
    public void Tokens_come_as_often_as_their_probability_says(float temperature, int topK, float topP, float minP)
    {
        Random random = new(11);
        float[] logits = Enumerable.Range(0, 60).Select(_ => (float)(1.5 * RandomLogits.Normal(random))).ToArray();
        List<SamplingReference.Entry> expected = SamplingReference.Load(logits);
        if (topK > 0)
            expected = SamplingReference.TopK(expected, topK);
        expected = SamplingReference.MinP(SamplingReference.TopP(expected, topP), minP);
        double[] probabilities = SamplingReference.Softmax(SamplingReference.Temperature(expected, temperature));

        SamplingOptions options = new() { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, Seed = 2024 };
        Sampler sampler = new(options, logits.Length);
        int[] counts = new int[logits.Length];
        for (int i = 0; i < Draws; i++)
            counts[sampler.Sample(logits).Id]++;

        counts.Where((_, id) => expected.All(e => e.Id != id)).Should().AllBeEquivalentTo(0, "filtered tokens never come");
        (double statistic, int degrees) = ChiSquare(expected.Select(e => counts[e.Id]).ToArray(), probabilities);
        statistic.Should().BeLessThan(Limit(degrees), $"{degrees} degrees of freedom, {options}");
    }

    [Fact]
    public void Uniform_doubles_fill_their_range_evenly()
    {
        Xoshiro256 random = new(77);
        int[] counts = new int[64];
        for (int i = 0; i < Draws; i++)
            counts[(int)(random.NextDouble() * counts.Length)]++;
        ChiSquare(counts, Enumerable.Repeat(1.0 / 64, 64).ToArray()).Statistic.Should().BeLessThan(Limit(63));
    }

    [Fact]
    public void The_statistic_notices_a_wrong_distribution()
    {
        Random random = new(5);
        double[] claimed = Enumerable.Repeat(0.1, 10).ToArray();
        int[] counts = new int[10];
        for (int i = 0; i < Draws; i++)
            counts[random.NextDouble() < 0.01 ? 0 : random.Next(10)]++;
        ChiSquare(counts, claimed).Statistic.Should().BeGreaterThan(Limit(9));
    }

    private static (double Statistic, int Degrees) ChiSquare(int[] counts, double[] probabilities)
    {
        double statistic = 0, rareExpected = 0;
        int rare = 0, bins = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            double expected = probabilities[i] * Draws;
            if (expected < 10)
            {
                rare += counts[i];
                rareExpected += expected;
                continue;
            }
            statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
            bins++;
        }
        if (rareExpected >= 10)
        {
            statistic += (rare - rareExpected) * (rare - rareExpected) / rareExpected;
            bins++;
        }
        return (statistic, bins - 1);
    }

    /// <summary>The 99.9 % quantile of chi-square, by Wilson and Hilferty's approximation.</summary>
    private static double Limit(int degrees)
    {
        double spread = 2.0 / (9 * degrees);
        return degrees * Math.Pow(1 - spread + (3.0902 * Math.Sqrt(spread)), 3);
    }
}
