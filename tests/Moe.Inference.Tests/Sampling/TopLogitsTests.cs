using Moe.Inference.Sampling;

namespace Moe.Inference.Tests.Sampling;

/// <summary>Choosing from the greatest logits only gives what choosing from the whole row gives.</summary>
public class TopLogitsTests
{
    private const int Count = 64;

    private static readonly SamplingOptions[] Usual =
    [
        SamplingOptions.Greedy,
        SamplingOptions.Greedy with { TopLogProbs = 20 },
        new() { Seed = 3 },
        new() { Seed = 4, TopK = Count, TopP = 1, MinP = 0, Temperature = 1, TopLogProbs = 5 },
        new() { Seed = 5, TopK = 10, TopP = 0.8f, MinP = 0.02f, Temperature = 1.7f },
        new() { Seed = 6, TopK = 3, TypicalP = 0.7f, TopP = 1, MinP = 0, Temperature = 0.3f },
    ];

    [Fact]
    public void The_same_tokens_are_chosen()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            Random random = new(seed);
            int vocabulary = random.Next(2, 3000);
            foreach (SamplingOptions options in Usual.Where(options => options.TopK < vocabulary))
            {
                Sampler whole = new(options, vocabulary), top = new(options, vocabulary);
                top.TakesTop(Count).Should().BeTrue();
                for (int step = 0; step < 4; step++)
                {
                    float[] logits = RandomLogits.Next(random, vocabulary);
                    SampledToken expected = whole.Sample(logits), found = top.SampleTop(Find(logits, Count));
                    found.Id.Should().Be(expected.Id, $"seed {seed}, {options}");
                    Compare(found.LogProbability, expected.LogProbability, seed);
                    found.Alternatives.Select(other => other.Id).Should().Equal(expected.Alternatives.Select(other => other.Id), $"seed {seed}");
                    for (int i = 0; i < found.Alternatives.Count; i++)
                        Compare(found.Alternatives[i].LogProbability, expected.Alternatives[i].LogProbability, seed);
                }
            }
        }
    }

    [Fact]
    public void What_needs_more_than_the_greatest_logits_says_so()
    {
        SamplingOptions usual = new() { TopK = 40 };
        Takes(usual).Should().BeTrue();
        Takes(usual with { TopK = Count }).Should().BeTrue();
        Takes(usual with { TopK = Count + 1 }).Should().BeFalse();
        Takes(usual with { TopK = 0 }).Should().BeFalse();
        Takes(usual with { TopK = 1000 }).Should().BeFalse("that is no filter with so small a vocabulary");
        Takes(usual with { LogitBias = new Dictionary<int, float> { [1] = 1 } }).Should().BeFalse();
        Takes(usual with { RepetitionPenalty = 1.1f }).Should().BeFalse();
        Takes(usual with { LogitProcessors = [new Nothing()] }).Should().BeFalse();
        new Sampler(SamplingOptions.Greedy with { TopLogProbs = 20 }, 500).TakesTop(19).Should().BeFalse();
        new Sampler(SamplingOptions.Greedy, 500).TakesTop(0).Should().BeFalse();
    }

    [Fact]
    public void Rows_that_cannot_be_used_are_told_apart()
    {
        default(TopLogits).IsUsable.Should().BeFalse();
        new TopLogits(0, [0], [-1]).IsUsable.Should().BeFalse();
        new TopLogits(double.NaN, [0], [-1]).IsUsable.Should().BeFalse();
        new TopLogits(1, [7, 0], [3, -1]).Count(5).Should().Be(1);
    }

    private static bool Takes(SamplingOptions options) => new Sampler(options, 500).TakesTop(Count);

    // Normalizers may differ by about 1e-6, and a number by half a unit in its last place.
    private static void Compare(float found, float expected, int seed) =>
        found.Should().BeApproximately(expected, 3e-6f * (1 + Math.Abs(expected)), $"seed {seed}");

    private static TopLogits Find(float[] logits, int count)
    {
        int[] best = [.. Enumerable.Range(0, logits.Length).Where(i => logits[i] > float.NegativeInfinity).OrderByDescending(i => logits[i]).ThenBy(i => i).Take(count)];
        float[] values = new float[count], tokens = new float[count];
        tokens.AsSpan().Fill(-1);
        for (int i = 0; i < best.Length; i++)
            (values[i], tokens[i]) = (logits[best[i]], best[i]);
        return new TopLogits(logits.Sum(x => Math.Exp((double)x - logits.Max())), values, tokens);
    }

    private sealed class Nothing : ILogitProcessor
    {
        public void Process(ReadOnlySpan<int> tokens, Span<float> logits)
        {
        }

        public ILogitProcessor Fork() => this;
    }
}
