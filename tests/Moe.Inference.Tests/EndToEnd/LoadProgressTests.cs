using Moe.Inference.Gguf;
using Moe.Inference.Placement;
using Moe.Inference.Testing;

namespace Moe.Inference.Tests.EndToEnd;

/// <summary>Progress of loading is one count from beginning to end, wherever weights go.</summary>
public class LoadProgressTests
{
    [Theory]
    [InlineData(WeightLoading.Map)]
    [InlineData(WeightLoading.Read)]
    public void On_the_host_it_counts_the_file(WeightLoading loading)
    {
        Recorder recorder = new();
        using Model model = Model.Load(TestModels.Shipped, new ModelOptions { Loading = loading }, recorder);
        recorder.ShouldCountUpTo(FileBytes(_ => true));
    }

    [Theory]
    [InlineData(WeightLoading.Map)]
    [InlineData(WeightLoading.Read)]
    public void With_experts_on_the_host_it_counts_them_and_the_copies_on_the_device(WeightLoading loading)
    {
        SimulatedDevice device = new(0);
        Recorder recorder = new();
        ModelOptions options = new() { Loading = loading, Devices = [device], Placement = DevicePlacement.On(device.Device).ExpertsOnCpu() };
        using Model model = Model.Load(TestModels.Shipped, options, recorder);
        long host = FileBytes(tensor => loading == WeightLoading.Read || tensor.Name.Contains("_exps.", StringComparison.Ordinal));
        recorder.ShouldCountUpTo(host + device.LiveBytes);
        recorder.Reports.Should().Contain(report => report.BytesLoaded == host, "the host's part comes first");
    }

    private static long FileBytes(Func<GgufTensor, bool> wanted)
    {
        using GgufFile file = GgufFile.Open(TestModels.Shipped);
        return file.Tensors.Where(wanted).Sum(tensor => tensor.ByteLength);
    }

    private sealed class Recorder : IProgress<LoadProgress>
    {
        public List<LoadProgress> Reports { get; } = [];

        public void Report(LoadProgress value) => Reports.Add(value);

        public void ShouldCountUpTo(long total)
        {
            Reports.Select(report => report.TotalBytes).Distinct().Should().Equal(total);
            Reports.Select(report => report.BytesLoaded).Should().BeInAscendingOrder();
            Reports[^1].Fraction.Should().Be(1);
        }
    }
}
