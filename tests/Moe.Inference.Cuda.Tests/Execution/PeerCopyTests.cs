using Moe.Inference.Cuda.Kernels;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Tests.Execution;

/// <summary>Two GPUs: real ones where there are two, else the emulator's.</summary>
public class PeerCopyTests
{
    [SkippableTheory]
    [InlineData(1)]
    [InlineData(1003)]
    [InlineData((20 << 20) + 5)]
    public void Bytes_go_from_one_GPU_to_the_other(int bytes)
    {
        (CudaDevice first, CudaDevice second) = TestGpu.RequireTwo();
        using IBackend one = first.Open(), two = second.Open();
        using DeviceBuffer from = one.Allocate(bytes + 7, "from"), to = two.Allocate(bytes + 5, "to");
        using IDeviceEvent written = one.CreateEvent();
        byte[] data = new byte[bytes + 7], before = new byte[bytes + 5], found = new byte[bytes + 5];
        new Random(bytes).NextBytes(data);
        one.Write(from, 0, data);
        two.Write(to, 0, before);
        one.Record(written);
        two.Wait(written);
        two.EnqueueTransfer(Transfer(first.Device, second.Device), from, 7, to, 2, bytes);
        two.Synchronize();
        two.Read(to, 0, found);
        data.AsSpan(7).CopyTo(before.AsSpan(2));
        found.AsSpan().SequenceEqual(before).Should().BeTrue();
    }

    [SkippableFact]
    public void What_is_not_between_this_GPU_and_another_is_refused()
    {
        (CudaDevice first, CudaDevice second) = TestGpu.RequireTwo();
        using IBackend one = first.Open(), two = second.Open();
        using DeviceBuffer here = one.Allocate(16, "here"), there = two.Allocate(16, "there"), other = one.Allocate(16, "other");
        PlannedStep step = Transfer(first.Device, second.Device);
        one.Invoking(queue => queue.EnqueueTransfer(step, here, 0, there, 0, 16)).Should().Throw<DeviceException>("who receives carries out").WithMessage("*here*there*");
        one.Invoking(queue => queue.EnqueueTransfer(step, here, 0, other, 0, 16)).Should().Throw<DeviceException>();
        two.Invoking(queue => queue.EnqueueTransfer(step, here, 8, there, 0, 16)).Should().Throw<DeviceException>().WithMessage("*16 bytes*here*");
    }

    [SkippableFact]
    public async Task Layers_on_two_GPUs_give_the_logits_of_one()
    {
        (CudaDevice first, CudaDevice second) = TestGpu.RequireTwo();
        DevicePlacement alternating = Enumerable.Range(0, 32).Aggregate(DevicePlacement.On(first.Device), (all, layer) => layer % 2 == 0 ? all : all.PutMatching($@"blk\.{layer}\.", second.Device));
        using Model on1 = Model.Load(ShippedModel.Path, new ModelOptions { Devices = [first], Placement = DevicePlacement.On(first.Device) });
        using Model on2 = Model.Load(ShippedModel.Path, new ModelOptions { Devices = [first, second], Placement = alternating, CheckPlacement = false });
        // Fused over the border of two layers on one GPU only, which rounds in another order.
        ContextOptions options = new() { ContextLength = 128, MicroBatch = 32, Threads = 2, Operations = Context.CreateRegistry().RegisterMissing(new OpRegistry().AddCudaKernels()).Disable(AddNormOp.OpName) };
        using (Context context = on2.CreateContext(options))
        {
            context.Plan.Steps.Should().Contain(step => step.Node.Operation.Equals(new TransferOp(first.Device, second.Device)));
            context.Plan.Steps.Should().NotContain(step => step.IsTransfer && ((TransferOp)step.Node.Operation).To.IsCpu);
        }

        // Prompts in chunks, then single tokens, often enough for graphs.
        float[][] expected = await ShippedModel.LogitsAsync(on1, options, 41), actual = await ShippedModel.LogitsAsync(on2, options, 41);
        for (int i = 0; i < expected.Length; i++)
            actual[i].Should().Equal(expected[i], "position {0}", i);
        using Context one = on1.CreateContext(options), two = on2.CreateContext(options);
        (await ShippedModel.GenerateAsync(two, 12)).Should().Equal(await ShippedModel.GenerateAsync(one, 12));
    }

    [SkippableFact]
    public async Task Validation_finds_nothing_wrong_on_two_GPUs()
    {
        (CudaDevice first, CudaDevice second) = TestGpu.RequireTwo();
        using Model model = Model.Load(ShippedModel.Path, new ModelOptions
        {
            Devices = [first, second],
            Placement = DevicePlacement.On(first.Device).PutMatching(@"blk\.[135]\.", second.Device),
            CheckPlacement = false,
        });
        float[][] logits = await ShippedModel.LogitsAsync(model, new ContextOptions { ContextLength = 64, MicroBatch = 16, Validate = true, ValidationTolerance = 5e-3f }, 11);
        logits.Should().HaveCount(11);
    }

    private static PlannedStep Transfer(Device from, Device to)
    {
        GraphBuilder builder = new();
        GraphNode node = builder.AddNode("x", new TransferOp(from, to), [builder.Inputs.TokenIds]);
        return new PlannedStep(node, to, null, 0, new ArenaSlot(to, 0, 0), []);
    }
}
