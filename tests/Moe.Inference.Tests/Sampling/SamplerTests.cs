using Moe.Inference.Sampling;

namespace Moe.Inference.Tests.Sampling;

public class SamplerTests
{
    private const float Forbidden = float.NegativeInfinity;

    /// <summary>Everything off: a draw from the model's own distribution.</summary>
    private static readonly SamplingOptions Plain = new() { Temperature = 1, TopK = 0, TopP = 1, MinP = 0, Seed = 1 };

    [Fact]
    public void Greedy_takes_the_greatest_logit_and_the_lower_id_of_equal_ones()
    {
        Sampler sampler = new(SamplingOptions.Greedy, 40);
        float[] logits = new float[40];
        logits[..].AsSpan().Fill(-1);
        (logits[37], logits[21], logits[5]) = (2, 2, 1);
        sampler.Sample(logits).Id.Should().Be(21);
        sampler.Sample([0f, -0f, .. new float[38]]).Id.Should().Be(0);
        sampler.Sample([-0f, 0f, .. new float[38]]).Id.Should().Be(0, "zeros of either sign are equal");
    }

    [Fact]
    public void Log_probabilities_are_those_of_the_unmodified_logits()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            Random random = new(seed);
            float[] logits = RandomLogits.Next(random, random.Next(1, 9000));
            double[] expected = SamplingReference.LogSoftmax(logits);
            Dictionary<int, float> bias = new() { [0] = 3 };
            SamplingOptions options = new() { Temperature = 3, PresencePenalty = 2, TopK = 0, LogitBias = bias, TopLogProbs = 20 };
            Sampler sampler = new(options, logits.Length);
            sampler.Accept(random.Next(logits.Length));
            SampledToken token = sampler.Sample(logits);
            ((double)token.LogProbability).Should().BeApproximately(expected[token.Id], Tolerance(token.Id), $"seed {seed}");
            token.LogProbability.Should().BeLessThanOrEqualTo(0);

            IEnumerable<int> best = SamplingReference.TopK(SamplingReference.Load(logits), 20)
                .OrderByDescending(e => e.Logit).ThenBy(e => e.Id).Select(e => e.Id);
            token.Alternatives.Select(a => a.Id).Should().Equal(best, $"seed {seed}");
            foreach (TokenLogProbability alternative in token.Alternatives)
            {
                double exact = expected[alternative.Id];
                ((double)alternative.LogProbability).Should().BeApproximately(exact, Tolerance(alternative.Id), $"seed {seed}");
            }

            double Tolerance(int id) => 2e-6 * (1 + Math.Abs(expected[id]));
        }
    }

    [Fact]
    public void No_alternatives_unless_asked_for() =>
        new Sampler(Plain, 3).Sample([1, 2, 3]).Alternatives.Should().BeEmpty();

    [Fact]
    public void A_draw_inverts_the_cumulative_distribution_in_order_of_id()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            Random random = new(seed);
            float[] logits = RandomLogits.Next(random, random.Next(1, 500));
            double[] probabilities = SamplingReference.Softmax(SamplingReference.Load(logits));
            double u = new Xoshiro256((ulong)seed).NextDouble();
            int expected = 0;
            for (double sum = probabilities[0]; sum <= u; sum += probabilities[expected])
                expected++;
            new Sampler(Plain with { Seed = (ulong)seed }, logits.Length).Sample(logits).Id.Should().Be(expected, $"seed {seed}");
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_tokens_and_another_seed_others()
    {
        int[] first = Draws(new() { Seed = 5 }, 50), again = Draws(new() { Seed = 5 }, 50), other = Draws(new() { Seed = 6 }, 50);
        again.Should().Equal(first);
        other.Should().NotEqual(first);
    }

    [Fact]
    public void A_drawn_seed_is_reported_and_repeats_the_run()
    {
        Sampler sampler = new(new(), 1000);
        Sampler other = new(new(), 1000);
        other.Seed.Should().NotBe(sampler.Seed);
        Draws(new() { Seed = sampler.Seed }, 20).Should().Equal(Draws(sampler, 20));
    }

    [Fact]
    public void A_clone_continues_alike_and_apart()
    {
        SamplingOptions options = new() { Seed = 3, FrequencyPenalty = 1, PenaltyWindow = 8 };
        Sampler original = new(options, 1000);
        Draws(original, 10);
        Sampler clone = original.Clone(), reseeded = original.Clone(99);
        Draws(clone, 20, logitSeed: 2).Should().Equal(Draws(original, 20, logitSeed: 2));
        Draws(reseeded, 20, logitSeed: 3).Should().NotEqual(Draws(original, 20, logitSeed: 3));
        reseeded.Seed.Should().Be(99);
    }

    [Fact]
    public void Penalties_agree_with_their_formulas_for_any_window()
    {
        for (int seed = 0; seed < 200; seed++)
        {
            Random random = new(seed);
            int size = random.Next(2, 60);
            SamplingOptions options = SamplingOptions.Greedy with
            {
                PenaltyWindow = random.Next(-1, 30),
                RepetitionPenalty = 0.5f + (float)random.NextDouble(),
                FrequencyPenalty = (float)RandomLogits.Normal(random),
                PresencePenalty = (float)RandomLogits.Normal(random),
            };
            Sampler sampler = new(options, size);
            List<int> tokens = [];
            for (int step = 0; step < 60; step++)
            {
                float[] logits = RandomLogits.Next(random, size);
                float[] expected = [.. logits];
                SamplingReference.Penalize(expected, tokens, options);
                int token = sampler.Sample(logits).Id;
                ((double)expected[token]).Should().BeApproximately(expected.Max(), 1e-5, $"seed {seed}, step {step}");
                tokens.Add(random.Next(size));
                sampler.Accept(tokens[^1]);
            }
        }
    }

    [Fact]
    public void Prompt_tokens_are_accepted_together()
    {
        Sampler sampler = new(SamplingOptions.Greedy with { PresencePenalty = 10 }, 4);
        sampler.Accept([3, 2]);
        sampler.Sample([1, 2, 3, 4]).Id.Should().Be(1);
    }

    [Fact]
    public void Logit_bias_adds_and_forbids()
    {
        Dictionary<int, float> bias = new() { [0] = 5, [2] = Forbidden };
        new Sampler(SamplingOptions.Greedy with { LogitBias = bias }, 3).Sample([0, 1, 9]).Id.Should().Be(0);
        Sampler sampler = new(Plain with { LogitBias = bias }, 3);
        Enumerable.Range(0, 200).Select(_ => sampler.Sample([0, 5, 9]).Id).Should().NotContain(2).And.Contain([0, 1]);
    }

    [Fact]
    public void Processors_run_first_on_a_copy_and_see_every_token()
    {
        List<int[]> seen = [];
        Recorder first = new(seen, logits => logits.Fill(Forbidden)), second = new(seen, logits => logits[1] = 7);
        Dictionary<int, float> bias = new() { [0] = 100 };
        Sampler sampler = new(SamplingOptions.Greedy with { LogitProcessors = [first, second], LogitBias = bias }, 3);
        sampler.Accept(2);
        sampler.Accept(0);
        float[] logits = [3, 2, 1];
        sampler.Sample(logits).Id.Should().Be(1);
        logits.Should().Equal(3, 2, 1);
        seen.Should().HaveCount(2).And.AllSatisfy(tokens => tokens.Should().Equal(2, 0));
    }

    [Fact]
    public void Samplers_and_clones_do_not_share_a_processor_that_forks()
    {
        SamplingOptions options = SamplingOptions.Greedy with { LogitProcessors = [new Counter()] };
        Sampler a = new(options, 10), b = new(options, 10);
        int[] ids = [Next(a), Next(a), Next(b)];
        ids.Should().Equal(0, 1, 0);
        Sampler clone = a.Clone();
        new[] { Next(a), Next(a), Next(clone) }.Should().Equal(2, 3, 2);

        static int Next(Sampler sampler) => sampler.Sample(new float[10]).Id;
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Invalid_logits_are_refused_and_named(float value)
    {
        foreach (SamplingOptions options in new[] { Plain, SamplingOptions.Greedy, new() })
        {
            float[] logits = new float[5000];
            (logits[4321], logits[4400]) = (value, value);
            Action sample = () => new Sampler(options, logits.Length).Sample(logits);
            InvalidLogitsException error = sample.Should().Throw<InvalidLogitsException>().WithMessage("The model*4321*").Which;
            error.TokenId.Should().Be(4321);
            error.Value.Should().Be(value);

            Recorder processor = new([], edited => edited[17] = value);
            Action process = () => new Sampler(options with { LogitProcessors = [processor] }, 5000).Sample(new float[5000]);
            process.Should().Throw<InvalidLogitsException>().WithMessage("A logit processor*17*");
        }
    }

    [Fact]
    public void No_allowed_token_is_an_error()
    {
        foreach (SamplingOptions options in new[] { Plain, SamplingOptions.Greedy, new() })
        {
            Action model = () => new Sampler(options, 2).Sample([Forbidden, Forbidden]);
            model.Should().Throw<NoAllowedTokenException>().WithMessage("The model*");
            Dictionary<int, float> bias = new() { [0] = Forbidden, [1] = Forbidden };
            Action biased = () => new Sampler(options with { LogitBias = bias }, 2).Sample([1, 2]);
            biased.Should().Throw<NoAllowedTokenException>().WithMessage("*bias*");
        }
    }

    [Fact]
    public void Wrong_sizes_and_tokens_are_refused()
    {
        Sampler sampler = new(Plain, 3);
        ((Action)(() => sampler.Sample([1, 2]))).Should().Throw<ArgumentException>();
        ((Action)(() => sampler.Accept(3))).Should().Throw<ArgumentOutOfRangeException>();
        ((Action)(() => sampler.Accept(-1))).Should().Throw<ArgumentOutOfRangeException>();
        ((Action)(() => new Sampler(Plain, 0))).Should().Throw<ArgumentOutOfRangeException>();
        SamplingOptions biased = Plain with { LogitBias = new Dictionary<int, float> { [3] = 1 } };
        ((Action)(() => new Sampler(biased, 3))).Should().Throw<ArgumentOutOfRangeException>();
    }

    private static int[] Draws(SamplingOptions options, int count) => Draws(new Sampler(options, 1000), count);

    private static int[] Draws(Sampler sampler, int count, int logitSeed = 1)
    {
        Random random = new(logitSeed);
        int[] ids = new int[count];
        for (int i = 0; i < count; i++)
        {
            float[] logits = Enumerable.Range(0, 1000).Select(_ => (float)RandomLogits.Normal(random)).ToArray();
            ids[i] = sampler.Sample(logits).Id;
            sampler.Accept(ids[i]);
        }
        return ids;
    }

    private delegate void Edit(Span<float> logits);

    private sealed class Recorder(List<int[]> seen, Edit edit) : ILogitProcessor
    {
        public void Process(ReadOnlySpan<int> tokensSoFar, Span<float> logits)
        {
            seen.Add(tokensSoFar.ToArray());
            edit(logits);
        }
    }

    /// <summary>Makes token n the best at its n-th call.</summary>
    private sealed class Counter : ILogitProcessor
    {
        private int _calls;

        public void Process(ReadOnlySpan<int> tokensSoFar, Span<float> logits) => logits[_calls++] = 1;

        public ILogitProcessor Fork() => new Counter { _calls = _calls };
    }
}
