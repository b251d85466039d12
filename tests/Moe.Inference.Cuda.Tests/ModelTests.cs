using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;

namespace Moe.Inference.Cuda.Tests;

/// <summary>The shipped model on the GPU against the same model on the host.</summary>
public class ModelTests
{
    [SkippableTheory]
    [InlineData(false, ElementType.F16)]
    [InlineData(false, ElementType.Q8_0)]
    [InlineData(true, ElementType.F32)]
    public async Task All_on_the_GPU_gives_the_probabilities_of_the_host(bool exact, ElementType kvType)
    {
        CudaDevice device = TestGpu.Require();
        ContextOptions options = new() { ContextLength = 256, MicroBatch = 32, Exact = exact, KvType = kvType, Threads = 2 };
        using Model host = Model.Load(ShippedModel.Path);
        using Model gpu = Model.Load(ShippedModel.Path, new ModelOptions { Devices = [device], Placement = DevicePlacement.On(device.Device) });
        float[][] expected = await ShippedModel.LogitsAsync(host, options, 61);
        float[][] actual = await ShippedModel.LogitsAsync(gpu, options, 61);
        Divergence.Mean(expected, actual).Should().BeLessThan(exact ? 1e-7 : 1e-3);
    }

    [SkippableFact]
    public async Task Generation_runs_by_graphs_and_gives_the_tokens_of_single_launches()
    {
        CudaDevice device = TestGpu.Require();
        using Model gpu = Model.Load(ShippedModel.Path, new ModelOptions { Devices = [device], Placement = DevicePlacement.On(device.Device) });
        using Context context = gpu.CreateContext(new ContextOptions { ContextLength = 256 });
        int[] first = await ShippedModel.GenerateAsync(context, 24), second = await ShippedModel.GenerateAsync(context, 24);
        second.Should().Equal(first, "what a graph replays is what was launched one by one");
    }

    [SkippableFact]
    public void Loading_and_disposing_leaves_nothing_behind()
    {
        CudaDevice device = TestGpu.Require();
        long before = device.AllocatedBytes;
        for (int i = 0; i < (TestGpu.IsEmulated ? 3 : 100); i++)
        {
            using Model gpu = Model.Load(ShippedModel.Path, new ModelOptions { Devices = [device], Placement = DevicePlacement.On(device.Device) });
            using Context context = gpu.CreateContext(new ContextOptions { ContextLength = 128 });
            device.AllocatedBytes.Should().BeGreaterThan(before + gpu.WeightBytes);
        }

        device.AllocatedBytes.Should().Be(before);
    }

    [SkippableFact]
    public async Task Validation_mode_finds_nothing_wrong_on_the_GPU()
    {
        CudaDevice device = TestGpu.Require();
        using Model gpu = Model.Load(ShippedModel.Path, new ModelOptions { Devices = [device], Placement = DevicePlacement.On(device.Device) });
        float[][] logits = await ShippedModel.LogitsAsync(gpu, new ContextOptions { ContextLength = 64, MicroBatch = 16, Validate = true, ValidationTolerance = 5e-3f }, 19);
        logits.Should().HaveCount(19);
    }
}
