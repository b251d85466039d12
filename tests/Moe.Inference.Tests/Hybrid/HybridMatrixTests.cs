using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>
/// A model over several devices against the same model on the host: all logits bit for bit, but for a tolerance of 1e-5 where experts of one
/// layer are on several devices. Each placement meets every prompt length, every set of switches, and every kind of second request; which of
/// them meet each other is drawn anew in each run.
/// </summary>
public class HybridMatrixTests(HybridFixture fixture) : IClassFixture<HybridFixture>
{
    private const int Switches = 8;

    private static readonly int[] Prompts = [1, 2, 3, 8, 17, 18, 26, 33, 64, 100];

    private static readonly SecondRequest[] Seconds = Enum.GetValues<SecondRequest>();

    public static TheoryData<int, bool> Placements
    {
        get
        {
            TheoryData<int, bool> data = [];
            for (int placement = 0; placement < HybridPlacement.Usual(1).Count; placement++)
            {
                data.Add(placement, false);
                data.Add(placement, true);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Placements))]
    public Task The_shipped_model_gives_what_the_host_gives(int placement, bool kvOnHost) =>
        Compare(TestModels.Shipped, placement, kvOnHost, Cases(HashOf(placement, kvOnHost, 0), quantizedKv: true));

    [SkippableTheory]
    [InlineData("qwen3")]
    [InlineData("mixtral")]
    [InlineData("qwen3moe")]
    public async Task Other_architectures_give_what_the_host_gives(string architecture)
    {
        string path = SharedData.Require($"reference/architectures/{architecture}.gguf");
        bool quantizedKv = fixture.Reference(path).TakesQuantizedKv;
        foreach (bool kvOnHost in (bool[])[false, true])
        {
            for (int placement = 0; placement < HybridPlacement.Usual(1).Count; placement++)
                await Compare(path, placement, kvOnHost, Cases(HashOf(placement, kvOnHost, architecture.Length), quantizedKv));
        }
    }

    [Theory]
    [MemberData(nameof(Placements))]
    public Task Validation_finds_nothing_wrong(int placement, bool kvOnHost)
    {
        Random random = new(HashOf(placement, kvOnHost, 100));
        HybridSwitches switches = HybridSwitches.Draw(random, quantizedKv: true) with { Validate = true };
        return Compare(TestModels.Shipped, placement, kvOnHost, [(switches, new HybridScript(random.Next(1, 34), Seconds[random.Next(Seconds.Length)], random.Next()))]);
    }

    // Every length, every set of switches and every second request at least once.
    private static IEnumerable<(HybridSwitches, HybridScript)> Cases(int seed, bool quantizedKv)
    {
        Random random = new(seed);
        int[] edges = [.. ((int[])[16, 32]).SelectMany(microBatch => Enumerable.Range(1, 3).Select(beyond => (microBatch * random.Next(1, 4)) + beyond))];
        int[] prompts = [.. Prompts, .. edges];
        random.Shuffle(prompts);
        int[] switches = [.. Enumerable.Range(0, Switches)];
        random.Shuffle(switches);
        SecondRequest[] seconds = [.. Seconds];
        random.Shuffle(seconds);
        for (int i = 0; i < prompts.Length; i++)
        {
            int on = switches[i % Switches];
            HybridSwitches drawn = HybridSwitches.Draw(random, quantizedKv) with { FlashAttention = (on & 1) == 0, FusedMoe = (on & 2) == 0, MultiAdd = (on & 4) == 0 };
            int edge = Array.IndexOf(edges, prompts[i]);
            if (edge >= 0)
                drawn = drawn with { MicroBatch = edge < edges.Length / 2 ? 16 : 32 };
            yield return (drawn, new HybridScript(prompts[i], seconds[i % seconds.Length], random.Next()));
        }
    }

    private async Task Compare(string path, int placement, bool kvOnHost, IEnumerable<(HybridSwitches, HybridScript)> cases)
    {
        HybridModel model = fixture.Model(path, placement, kvOnHost);
        foreach ((HybridSwitches switches, HybridScript script) in cases)
        {
            string? difference = await model.CompareAsync(switches, script);
            difference.Should().BeNull("they agree for every seed; this was {0} (MOE_TEST_SEED)", fixture.Seed);
        }
    }

    private int HashOf(int placement, bool kvOnHost, int salt) => unchecked((fixture.Seed * 31) + (placement * 4) + (kvOnHost ? 2 : 0) + (salt * 1_009));
}
