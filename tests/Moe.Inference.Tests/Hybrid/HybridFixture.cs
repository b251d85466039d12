using Moe.Inference.Testing;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>Models over simulated devices, each loaded when a test first asks for it.</summary>
public sealed class HybridFixture : IDisposable
{
    private readonly Dictionary<string, HybridReference> _references = [];
    private readonly Dictionary<(string, int, bool), HybridModel> _models = [];

    /// <summary>Where this run's random numbers start; the variable of the environment repeats a run.</summary>
    public int Seed { get; } = int.TryParse(Environment.GetEnvironmentVariable("MOE_TEST_SEED"), out int seed) ? seed : Environment.TickCount;

    internal HybridReference Reference(string path)
    {
        if (!_references.TryGetValue(path, out HybridReference? reference))
            _references.Add(path, reference = new HybridReference(path));
        return reference;
    }

    /// <summary>A model in one of the usual placements.</summary>
    internal HybridModel Model(string path, int placement, bool kvOnHost)
    {
        if (_models.TryGetValue((path, placement, kvOnHost), out HybridModel? model))
            return model;
        HybridReference reference = Reference(path);
        HybridPlacement usual = HybridPlacement.Usual(reference.Model.Shape.Layers)[placement].WithKvOnHost(kvOnHost);
        model = new HybridModel(reference, usual, new SimulatedDeviceOptions { CopiesFromPeers = !kvOnHost, MaxDelay = TimeSpan.FromMicroseconds(100), Seed = Seed });
        _models.Add((path, placement, kvOnHost), model);
        return model;
    }

    public void Dispose()
    {
        foreach (HybridModel model in _models.Values)
        {
            model.Dispose();
            foreach (SimulatedDevice device in model.Devices.Cast<SimulatedDevice>())
                device.ShouldBeEmpty();
        }

        foreach (HybridReference reference in _references.Values)
            reference.Dispose();
    }
}
