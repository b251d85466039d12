using Moe.Inference.Testing;

namespace Moe.Inference.Cuda.Tests.Hybrid;

/// <summary>
/// The shipped model over the host, GPUs and a simulated device against the same model on the host alone. Placements meet key/value memory
/// with its layers and on the host, float32 and rounded arithmetic; lengths, switches and second requests are drawn anew in each run.
/// </summary>
public class CudaHybridTests(CudaHybridFixture fixture) : IClassFixture<CudaHybridFixture>
{
    private const int Attempts = 4;

    private static readonly int[] Prompts = [1, 2, 3, 8, 17, 18, 33, 100];

    private static readonly SecondRequest[] Seconds = Enum.GetValues<SecondRequest>();

    public static TheoryData<int, bool> Placements
    {
        get
        {
            TheoryData<int, bool> data = [];
            for (int number = 0; number < 2 * HybridPlacement.Usual(1).Count; number++)
                data.Add(number / 2, number % 2 == 1);
            return data;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Placements))]
    public Task Usual_placements_give_the_probabilities_of_the_host(int placement, bool kvOnHost) =>
        Compare(HybridPlacement.Usual(Layers, CudaHybridFixture.Places)[placement].WithKvOnHost(kvOnHost), Draws(placement + (kvOnHost ? 10 : 0)), TestGpu.IsEmulated ? 1 : 8);

    [SkippableTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public Task Drawn_placements_give_the_probabilities_of_the_host(int number)
    {
        Skip.If(number > 1 && (TestGpu.Require() is null || TestGpu.IsEmulated), "the emulator is slow");
        Random random = Draws(100 + number);
        HybridPlacement drawn = HybridPlacement.Draw(random, Layers, CudaHybridFixture.Places).WithKvOnHost(random.Next(2) == 0);
        return Compare(drawn, random, TestGpu.IsEmulated ? 1 : 4);
    }

    private int Layers => fixture.Reference.Model.Shape.Layers;

    private Random Draws(int salt) => new(unchecked((fixture.Seed * 31) + (salt * 1_009)));

    private async Task Compare(HybridPlacement placement, Random random, int scripts)
    {
        using HybridModel model = fixture.Load(placement);
        int[] prompts = [.. Prompts], seconds = [.. Seconds.Select(second => (int)second)];
        random.Shuffle(prompts);
        random.Shuffle(seconds);
        for (int i = 0; i < scripts; i++)
        {
            HybridSwitches switches = HybridSwitches.Draw(random, quantizedKv: true);
            if (random.Next(2) == 0)
                switches = switches.InFloat32();
            int prompt = TestGpu.IsEmulated ? Math.Min(prompts[i], 34) : prompts[i];
            string? difference = await CompareAsync(model, switches, new HybridScript(prompt, (SecondRequest)seconds[i % seconds.Length], random.Next()));
            difference.Should().BeNull("they agree for every seed; this was {0} (MOE_TEST_SEED)", fixture.Seed);
        }
    }

    // Where a router finds two experts as good as equal, either may be right, and all later tokens see it: now and then that moves the mean
    // of a script beyond what rounding else does. It depends on the tokens; a mistake shows with whatever tokens.
    private static async Task<string?> CompareAsync(HybridModel model, HybridSwitches switches, HybridScript script)
    {
        List<string> differences = [];
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            if (await model.CompareAsync(switches, script with { Seed = script.Seed ^ attempt }) is not { } difference)
                return null;
            differences.Add(difference);
        }

        return string.Join("\n", differences);
    }
}
