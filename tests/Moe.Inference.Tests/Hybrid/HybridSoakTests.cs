using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Hybrid;

public class HybridSoakTests
{
    [Fact]
    public async Task Random_combinations_give_what_the_host_gives()
    {
        int seed = Environment.TickCount;
        StringWriter log = new();
        HybridSoakResult result = await HybridSoak.RunAsync(TestModels.Shipped, 200, seed, log);
        result.Failures.Should().BeEmpty("they agree for every seed, {0} too", seed);
        result.Count.Should().Be(200);
    }
}
