using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.Conformance;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>Things that go on at the same time: shown by letting one wait for the other, which would be in vain if they came one after the other.</summary>
public class OverlapTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public void The_host_computes_its_experts_while_a_device_computes_others()
    {
        SimulatedDevice device = new(0);
        int layers = ModelOutline.Read(TestModels.Shipped).Shape.Layers;
        using Model model = Model.Load(TestModels.Shipped, new ModelOptions
        {
            Devices = [device],
            Placement = DevicePlacement.On(device.Device).WithSplit(new ExpertSplit(Enumerable.Range(0, layers), [(Device.Cpu, 1), (device.Device, 1)])),
        });
        int byDevice = 0, byHost = 0, met = 0;
        OpRegistry registry = Context.CreateRegistry()
            .Register(new BrokenKernel(FusedMoeOp.OpName) { Kind = SimulatedDevice.DefaultKind, After = (_, _) => Interlocked.Increment(ref byDevice) })
            .Register(new BrokenKernel(FusedMoeOp.OpName)
            {
                After = (_, _) =>
                {
                    byHost++;
                    met += SpinWait.SpinUntil(() => Volatile.Read(ref byDevice) >= byHost, Patience) ? 1 : 0;
                },
            });
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextLength = 64, Operations = registry });
        using Session session = context.CreateSession();
        session.Evaluate(TestModels.StoryTokens(model, 5));
        byHost.Should().Be(layers);
        met.Should().Be(layers, "the device's part of each layer ends while the host is at its own");
    }

    [Fact]
    public void Likely_experts_travel_while_the_layer_before_is_computed()
    {
        SimulatedDevice device = new(0);
        using Model model = Model.Load(TestModels.Shipped, new ModelOptions
        {
            Devices = [device],
            Placement = DevicePlacement.On(device.Device).Put("blk.*.ffn_*_exps.weight", Device.Cpu),
        });
        // Of the last layer only one row is computed, which makes no expert likely.
        int layers = model.Shape.Layers, prefetched = layers - 2;
        // What had been sent when a layer's experts were computed: by the first run, which knows nothing beforehand, and by the second.
        List<long> first = [], second = [];
        long start = 0;
        OpRegistry registry = Context.CreateRegistry().Register(new BrokenKernel(FusedMoeOp.OpName)
        {
            Kind = SimulatedDevice.DefaultKind,
            After = (_, _) =>
            {
                if (first.Count < layers)
                {
                    first.Add(device.UploadedBytes - start);
                    return;
                }

                int layer = second.Count;
                if (layer < prefetched)
                    SpinWait.SpinUntil(() => device.UploadedBytes - start > first[layer], Patience);
                second.Add(device.UploadedBytes - start);
            },
        });
        using Context context = model.CreateContext(new ContextOptions { Threads = 1, ContextLength = 64, Offload = new OffloadPolicy(device.Device, 1), Operations = registry });
        using Session session = context.CreateSession();
        int[] tokens = TestModels.StoryTokens(model, 40);
        start = device.UploadedBytes;
        float[] expected = session.Evaluate(tokens);
        long sent = device.UploadedBytes - start;
        session.Rewind(0);
        start = device.UploadedBytes;
        session.Evaluate(tokens).Should().Equal(expected);
        second.Should().HaveCount(layers);
        for (int layer = 0; layer < prefetched; layer++)
            second[layer].Should().BeGreaterThan(first[layer], "weights of layer {0} come before layer {1} is done", layer + 1, layer);
        (device.UploadedBytes - start).Should().Be(sent, "the same tokens choose the same experts, so that none travels in vain or twice");
    }
}
