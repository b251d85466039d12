using Moe.Inference.Execution;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;

namespace Moe.Inference.Cuda.Tests.Hybrid;

/// <summary>The shipped model on the host, to compare with, and where it is placed otherwise.</summary>
public sealed class CudaHybridFixture : IDisposable
{
    private HybridReference? _reference;

    /// <summary>Where this run's random numbers start; the variable of the environment repeats a run.</summary>
    public int Seed { get; } = int.TryParse(Environment.GetEnvironmentVariable("MOE_TEST_SEED"), out int seed) ? seed : Environment.TickCount;

    internal HybridReference Reference => _reference ??= new HybridReference(ShippedModel.Path);

    /// <summary>GPU, another GPU or the same again, and a device with the host's kernels.</summary>
    internal static IReadOnlyList<Device> Places
    {
        get
        {
            Device first = TestGpu.Require().Device;
            return [first, TestGpu.Second?.Device ?? first, new Device(SimulatedDevice.DefaultKind, 0)];
        }
    }

    /// <summary>The model in a placement.</summary>
    internal HybridModel Load(HybridPlacement placement)
    {
        List<IDeviceProvider> devices = [TestGpu.Require(), new SimulatedDevice(0, new SimulatedDeviceOptions { MaxDelay = TimeSpan.FromMicroseconds(100), Seed = Seed })];
        if (TestGpu.Second is { } second)
            devices.Add(second);
        return new HybridModel(Reference, placement, devices, new SameProbabilities());
    }

    public void Dispose() => _reference?.Dispose();
}
