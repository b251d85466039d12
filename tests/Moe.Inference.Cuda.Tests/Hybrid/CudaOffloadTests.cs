using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Tests.Hybrid;

/// <summary>Experts on the host that are sent to the GPU, on a queue of their own, while it computes.</summary>
public class CudaOffloadTests
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Experts_that_are_sent_give_the_logits_of_experts_that_are_there(bool validate)
    {
        CudaDevice device = TestGpu.Require();
        using Model there = Model.Load(ShippedModel.Path, new ModelOptions { Devices = [device], Placement = DevicePlacement.On(device.Device) });
        using Model sent = Model.Load(ShippedModel.Path, new ModelOptions { Devices = [device], Placement = DevicePlacement.On(device.Device).Put("blk.*.ffn_*_exps.weight", Device.Cpu) });
        ContextOptions options = new() { ContextLength = 128, MicroBatch = 16, Threads = 2, Validate = validate, ValidationTolerance = 5e-3f };
        int count = validate ? 21 : 61;
        float[][] expected = await ShippedModel.LogitsAsync(there, options with { Validate = false }, count);
        // Several batches, so that later ones are sent by what earlier ones chose; also single tokens.
        float[][] actual = await ShippedModel.LogitsAsync(sent, options with { Offload = new OffloadPolicy(device.Device, 0.01) }, count);
        for (int i = 0; i < expected.Length; i++)
            actual[i].Should().Equal(expected[i], "position {0}", i);
    }
}
