using System.Diagnostics;
using Moe.Inference.Sampling;
using Xunit.Abstractions;

namespace Moe.Inference.Tests.Sampling;

public class SamplerCostTests(ITestOutputHelper output)
{
    private const int VocabularySize = 151_936;

    public static TheoryData<string> Cases => [.. Options.Keys];

    private static readonly Dictionary<string, SamplingOptions> Options = new()
    {
        ["default"] = new() { Seed = 1 },
        ["greedy"] = SamplingOptions.Greedy,
        ["default and penalties"] = new() { Seed = 1, RepetitionPenalty = 1.1f, PenaltyWindow = -1 },
        ["top-k 1000"] = new() { Seed = 1, TopK = 1000 },
        ["top-p alone"] = new() { Seed = 1, TopK = 0, MinP = 0 },
        ["min-p alone"] = new() { Seed = 1, TopK = 0, TopP = 1 },
        ["typical alone"] = new() { Seed = 1, TopK = 0, TopP = 1, MinP = 0, TypicalP = 0.9f },
        ["temperature alone"] = new() { Seed = 1, TopK = 0, TopP = 1, MinP = 0 },
    };

    [Theory, MemberData(nameof(Cases))]
    public void Sampling_allocates_nothing(string name)
    {
        float[] logits = Logits(20_000);
        Sampler sampler = new(Options[name], logits.Length);
        Run(sampler, logits, 3);
        long before = GC.GetAllocatedBytesForCurrentThread();
        int sum = Run(sampler, logits, 20);
        (GC.GetAllocatedBytesForCurrentThread() - before).Should().Be(0);
        sum.Should().BePositive();
    }

    [Fact]
    public void Time_per_token_is_reported()
    {
        float[] logits = Logits(VocabularySize);
        Dictionary<string, Sampler> samplers = Options.ToDictionary(pair => pair.Key, pair => new Sampler(pair.Value, logits.Length));
        int accepted = 0;
        // Long enough for the runtime to have compiled everything with full optimization.
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start).TotalSeconds < 2;)
        {
            foreach (Sampler sampler in samplers.Values)
            {
                sampler.Accept(accepted++ * 37 % logits.Length);
                Run(sampler, logits, 1);
            }
        }
        foreach ((string name, Sampler sampler) in samplers)
        {
            double best = double.MaxValue;
            for (int round = 0; round < 10; round++)
            {
                long start = Stopwatch.GetTimestamp();
                Run(sampler, logits, 10);
                best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMicroseconds / 10);
            }
            output.WriteLine($"{name}: {best:F0} µs per token of {VocabularySize}");
        }
    }

    private static int Run(Sampler sampler, float[] logits, int tokens)
    {
        int sum = 0;
        for (int i = 0; i < tokens; i++)
            sum += sampler.Sample(logits).Id;
        return sum;
    }

    private static float[] Logits(int length)
    {
        Random random = new(1);
        return Enumerable.Range(0, length).Select(_ => (float)(3 * RandomLogits.Normal(random))).ToArray();
    }
}
