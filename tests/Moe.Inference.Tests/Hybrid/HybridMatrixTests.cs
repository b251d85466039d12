using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>A model over several devices against the same model on one.</summary>
public class HybridMatrixTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_usual_placements_give_what_the_host_gives(bool kvOnHost)
    {
        using HybridReference reference = new(TestModels.Shipped);
        foreach (HybridPlacement placement in HybridPlacement.Usual(reference.Model.Shape.Layers))
        {
            using HybridModel model = new(reference, placement.WithKvOnHost(kvOnHost), new SimulatedDeviceOptions { MaxDelay = TimeSpan.FromMicroseconds(100) });
            string? difference = await model.CompareAsync(new HybridSwitches(), new HybridScript(33, SecondRequest.SharesHalf, 1));
            difference.Should().BeNull();
        }
    }
}
