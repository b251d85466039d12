using Moe.Inference.Execution;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;

namespace Moe.Inference.Tests.Conformance;

/// <summary>Kernels of a device whose memory the host cannot reach are checked through its backend alone.</summary>
public class OtherDeviceTests
{
    [Theory]
    [InlineData(MatMulOp.OpName)]
    [InlineData(FusedMoeOp.OpName)]
    [InlineData(FlashAttentionOp.OpName)]
    [InlineData(KvStoreOp.OpName)]
    [InlineData(RouteOp.OpName)]
    [InlineData(SelectRowsOp.OpName)]
    public void A_kernel_of_another_device_is_checked_there(string operation)
    {
        SimulatedDevice device = new();
        OpRegistry registry = new();
        device.RegisterKernels(registry);
        using IBackend backend = device.Open();
        ConformanceOptions options = new() { WeightTypes = [ElementType.Q4_0], KvTypes = [ElementType.F16] };
        ConformanceReport report = OpConformance.Check(registry.Find(operation, device.Device.Kind)!, backend, options);
        report.ThrowIfFailed();
        report.Device.Should().Be(device.Device.ToString());
        device.Launches.Should().BeGreaterThan(report.Runs);
        device.LiveBuffers.Should().Be(0, "all memory is given back");
    }
}
