using Moe.Inference.Sampling;
using Entry = Moe.Inference.Tests.Sampling.SamplingReference.Entry;

namespace Moe.Inference.Tests.Sampling;

public class SamplerStageTests
{
    private const int Seeds = 300;

    [Fact]
    public void Top_k_keeps_the_k_greatest()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            Case c = new(seed);
            int k = c.Random.Next(1, c.Logits.Length + 1);
            c.ShouldAgree(new TopKStage(k), SamplingReference.TopK(c.Entries, k), $"k {k}");
        }
    }

    [Fact]
    public void Top_p_keeps_the_smallest_likely_set()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            Case c = new(seed);
            float p = c.Share();
            c.ShouldAgree(new TopPStage(p, c.Logits.Length), SamplingReference.TopP(c.Entries, p), $"p {p}");
        }
    }

    [Fact]
    public void Typical_keeps_the_smallest_typical_set()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            // Rounded logits would make ties that the two formulas break by their rounding errors.
            Case c = new(seed, distinct: true);
            float p = c.Share();
            c.ShouldAgree(new TypicalStage(p, c.Logits.Length), SamplingReference.Typical(c.Entries, p), $"p {p}");
        }
    }

    [Fact]
    public void Min_p_keeps_what_is_likely_enough()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            Case c = new(seed);
            float p = c.Share();
            c.ShouldAgree(new MinPStage(p), SamplingReference.MinP(c.Entries, p), $"p {p}");
        }
    }

    [Fact]
    public void Temperature_scales_the_distribution()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            Case c = new(seed);
            float t = 0.05f + (3 * c.Share());
            CandidateBuffer buffer = c.Apply(new TemperatureStage(t));
            double[] expected = SamplingReference.Softmax(SamplingReference.Temperature(c.Entries, t));
            ReadOnlySpan<double> weights = buffer.Weights(out double total);
            for (int i = 0; i < expected.Length; i++)
            {
                // A float's relative rounding error of 2^-24, twice, on the exponent; exponents of terms that matter are below 100.
                double error = Math.Abs((weights[i] / total) - expected[i]);
                Assert.True(error <= (2e-5 * expected[i]) + 1e-40, $"token {i}, temperature {t}, seed {seed}: off by {error}");
            }
        }
    }

    [Fact]
    public void Filters_work_on_what_the_one_before_left()
    {
        for (int seed = 0; seed < Seeds; seed++)
        {
            Case c = new(seed, distinct: true);
            int k = c.Random.Next(1, c.Logits.Length + 1);
            (float typical, float topP, float minP) = (c.Share(), c.Share(), c.Share());
            List<Entry> expected = SamplingReference.TopK(c.Entries, k);
            expected = SamplingReference.Typical(expected, typical);
            expected = SamplingReference.TopP(expected, topP);
            expected = SamplingReference.MinP(expected, minP);
            CandidateBuffer buffer = c.Apply(new TopKStage(k), new TypicalStage(typical, k), new TopPStage(topP, k), new MinPStage(minP));
            Read(buffer).Should().Equal(expected, $"seed {seed}, k {k}, typical {typical}, top-p {topP}, min-p {minP}");
        }
    }

    [Fact]
    public void Filters_keep_one_token_at_the_strictest_setting()
    {
        Case c = new(7);
        int best = Array.IndexOf(c.Logits, c.Logits.Max());
        Read(c.Apply(new TopPStage(0, c.Logits.Length))).Should().ContainSingle().Which.Id.Should().Be(best);
        Read(c.Apply(new TopKStage(1))).Should().ContainSingle().Which.Id.Should().Be(best);
        Read(c.Apply(new MinPStage(1))).Should().OnlyContain(e => e.Logit == c.Logits[best]);
        Read(c.Apply(new TypicalStage(0, c.Logits.Length))).Should().ContainSingle();
    }

    [Fact]
    public void Top_p_takes_the_lower_id_of_equally_likely_tokens()
    {
        CandidateBuffer buffer = new(8, 8);
        buffer.Load([1, 1, 1, 1, 1, 1, 1, 1]);
        new TopPStage(0.375f, 8).Apply(buffer);
        Read(buffer).Select(e => e.Id).Should().Equal(0, 1, 2);
    }

    [Fact]
    public void A_very_low_temperature_leaves_the_best_token_and_no_NaN()
    {
        CandidateBuffer buffer = new(3, 3);
        buffer.Load([30000f, 29999f, -30000f]);
        new TemperatureStage(float.Epsilon).Apply(buffer);
        buffer.Weights(out double total).ToArray().Should().Equal(1, 0, 0);
        total.Should().Be(1);
    }

    private static List<Entry> Read(CandidateBuffer buffer)
    {
        List<Entry> entries = [];
        for (int i = 0; i < buffer.Count; i++)
            entries.Add(new(buffer.IdAt(i), buffer.Logits[i]));
        return entries;
    }

    private sealed class Case
    {
        private readonly int _seed;

        public Case(int seed, bool distinct = false)
        {
            _seed = seed;
            Random = new(seed);
            do Logits = RandomLogits.Next(Random, Random.Next(1, 700));
            while (distinct && Logits.Where(float.IsFinite).Distinct().Count() < Logits.Count(float.IsFinite));
            Entries = SamplingReference.Load(Logits);
        }

        public Random Random { get; }

        public float[] Logits { get; }

        public List<Entry> Entries { get; }

        /// <summary>A share between 0 and 1, often near one of them.</summary>
        public float Share() => Random.Next(3) switch
        {
            0 => (float)Math.Pow(10, -4 * Random.NextDouble()),
            1 => 1 - (float)Math.Pow(10, -4 * Random.NextDouble()),
            _ => (float)Random.NextDouble(),
        };

        public CandidateBuffer Apply(params ISamplerStage[] stages)
        {
            CandidateBuffer buffer = new(Logits.Length, Logits.Length);
            buffer.Load(Logits);
            foreach (ISamplerStage stage in stages)
                stage.Apply(buffer);
            return buffer;
        }

        public void ShouldAgree(ISamplerStage stage, List<Entry> expected, string parameter) =>
            Read(Apply(stage)).Should().Equal(expected, $"seed {_seed}, {Logits.Length} tokens, {parameter}");
    }
}
