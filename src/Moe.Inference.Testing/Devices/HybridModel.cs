using Moe.Inference.Execution;

namespace Moe.Inference.Testing;

/// <summary>A model loaded twice: on the host alone, and placed over the host and other devices. Plays scripts on both and compares.</summary>
internal sealed class HybridModel : IDisposable
{
    private readonly HybridReference _reference;
    private readonly HybridComparison _comparison;
    private readonly Model _model;

    /// <summary>Loads the model on simulated devices, which must give the host's bits.</summary>
    /// <param name="reference">The model on the host, which must outlive this.</param>
    /// <param name="placement">Where tensors live.</param>
    /// <param name="device">How the simulated devices behave.</param>
    public HybridModel(HybridReference reference, HybridPlacement placement, SimulatedDeviceOptions device)
        : this(reference, placement, [.. HybridPlacement.Simulated.Select(simulated => new SimulatedDevice(simulated.Index, device))], new SameBits())
    {
    }

    /// <summary>Loads the model on any devices.</summary>
    /// <param name="reference">The model on the host, which must outlive this.</param>
    /// <param name="placement">Where tensors live.</param>
    /// <param name="devices">The devices that the placement names.</param>
    /// <param name="comparison">What must agree.</param>
    public HybridModel(HybridReference reference, HybridPlacement placement, IReadOnlyList<IDeviceProvider> devices, HybridComparison comparison)
    {
        _reference = reference;
        _comparison = comparison;
        Placement = placement;
        Devices = devices;
        // Drawn placements make no sense on purpose.
        _model = Model.Load(reference.Model.Path, new ModelOptions { Placement = placement.Placement, Devices = devices, CheckPlacement = false });
    }

    /// <summary>Where tensors live.</summary>
    public HybridPlacement Placement { get; }

    /// <summary>The devices.</summary>
    public IReadOnlyList<IDeviceProvider> Devices { get; }

    /// <summary>Plays a script on both.</summary>
    /// <returns>What differs, or null.</returns>
    public async Task<string?> CompareAsync(HybridSwitches switches, HybridScript script)
    {
        switches = _comparison.Fit(switches, Placement);
        IReadOnlyList<float[]> expected = await _reference.PlayAsync(switches, script).ConfigureAwait(false);
        using Context context = _model.CreateContext(switches.Options(script.ContextLength));
        IReadOnlyList<float[]> actual = await script.PlayAsync(context).ConfigureAwait(false);
        string? difference = actual.Count == expected.Count
            ? _comparison.Difference(actual, expected, switches, Placement)
            : $"{actual.Count} rows of logits instead of {expected.Count}";
        return difference is null ? null : $"{difference}\n  {Placement}\n  {switches}\n  {script}";
    }

    /// <summary>Gives the placed model back.</summary>
    public void Dispose() => _model.Dispose();
}
