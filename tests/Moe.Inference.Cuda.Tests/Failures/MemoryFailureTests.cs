using Moe.Inference.Execution;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Tests.Failures;

/// <summary>More memory than a GPU has.</summary>
public class MemoryFailureTests
{
    [SkippableFact]
    public void An_allocation_that_does_not_fit_says_what_was_wanted_and_what_is_free()
    {
        CudaDevice device = TestGpu.Require();
        using IBackend backend = device.Open();
        long before = device.AllocatedBytes, wanted = device.MemoryBytes!.Value + (1L << 30);
        OutOfDeviceMemoryException failure = backend.Invoking(queue => queue.Allocate(wanted, "a test's memory")).Should().Throw<OutOfDeviceMemoryException>().Which;
        failure.Wanted.Should().Be(wanted);
        failure.Free.Should().BeInRange(1, device.MemoryBytes.Value);
        failure.Purpose.Should().Be("a test's memory");
        failure.Device.Should().Be(device.Device.ToString());
        device.AllocatedBytes.Should().Be(before);
        using DeviceBuffer small = backend.Allocate(100, "a test's memory");
        device.AllocatedBytes.Should().Be(before + 100);
    }

    [SkippableFact]
    public async Task A_context_that_does_not_fit_leaves_nothing_behind_and_a_smaller_one_works()
    {
        CudaDevice device = TestGpu.Require();
        using Model model = Model.Load(ShippedModel.Path, new ModelOptions { Devices = [device], Placement = DevicePlacement.On(device.Device) });
        long before = device.AllocatedBytes;
        int tokens;
        using (Context small = model.CreateContext(new ContextOptions { ContextLength = 64 }))
        {
            // The keys of one layer alone are more than there is: nothing large is taken on the way.
            double perToken = small.KvBytes / (double)small.KvCapacity / model.Shape.Layers / 2;
            tokens = (int)Math.Min(int.MaxValue / 2, (device.MemoryBytes!.Value * 1.1 / perToken) + 64);
            (tokens * perToken).Should().BeGreaterThan(device.MemoryBytes.Value);
        }

        OutOfDeviceMemoryException failure = model.Invoking(it => it.CreateContext(new ContextOptions { ContextLength = 64, KvCapacity = tokens })).Should().Throw<OutOfDeviceMemoryException>().Which;
        failure.Wanted.Should().BeGreaterThan(device.MemoryBytes!.Value);
        failure.Free.Should().BeInRange(1, device.MemoryBytes.Value);
        device.AllocatedBytes.Should().Be(before, "what a failed context took is given back");
        using Context context = model.CreateContext(new ContextOptions { ContextLength = 64 });
        (await ShippedModel.GenerateAsync(context, 3)).Should().HaveCount(3);
    }
}
