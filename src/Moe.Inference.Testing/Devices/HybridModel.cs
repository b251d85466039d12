using System.Runtime.InteropServices;

namespace Moe.Inference.Testing;

/// <summary>A model loaded twice: on the host alone, and placed over the host and simulated devices. Plays scripts on both and compares.</summary>
internal sealed class HybridModel : IDisposable
{
    // Another order of the last sum of a layer may change this much of the largest logit.
    private const float SplitTolerance = 1e-5f;

    private readonly HybridReference _reference;
    private readonly Model _model;

    /// <summary>Loads the placed model.</summary>
    /// <param name="reference">The model on the host, which must outlive this.</param>
    /// <param name="placement">Where tensors live.</param>
    /// <param name="device">How the simulated devices behave.</param>
    public HybridModel(HybridReference reference, HybridPlacement placement, SimulatedDeviceOptions device)
    {
        _reference = reference;
        Placement = placement;
        Devices = [.. Enumerable.Range(0, HybridPlacement.Devices).Select(index => new SimulatedDevice(index, device))];
        // Drawn placements make no sense on purpose.
        _model = Model.Load(reference.Model.Path, new ModelOptions { Placement = placement.Placement, Devices = Devices, CheckPlacement = false });
    }

    /// <summary>Where tensors live.</summary>
    public HybridPlacement Placement { get; }

    /// <summary>The simulated devices.</summary>
    public IReadOnlyList<SimulatedDevice> Devices { get; }

    /// <summary>Plays a script on both.</summary>
    /// <returns>What differs, or null.</returns>
    public async Task<string?> CompareAsync(HybridSwitches switches, HybridScript script)
    {
        if (Placement.SplitsExperts)
            switches = switches.InFloat32();
        IReadOnlyList<float[]> expected = await _reference.PlayAsync(switches, script).ConfigureAwait(false);
        using Context context = _model.CreateContext(switches.Options(script.ContextLength));
        IReadOnlyList<float[]> actual = await script.PlayAsync(context).ConfigureAwait(false);
        string? difference = Compare(actual, expected);
        return difference is null ? null : $"{difference}\n  {Placement}\n  {switches}\n  {script}";
    }

    /// <summary>Gives the placed model back.</summary>
    public void Dispose() => _model.Dispose();

    private string? Compare(IReadOnlyList<float[]> actual, IReadOnlyList<float[]> expected)
    {
        if (actual.Count != expected.Count)
            return $"{actual.Count} rows of logits instead of {expected.Count}";
        for (int row = 0; row < expected.Count; row++)
        {
            if (MemoryMarshal.AsBytes<float>(actual[row]).SequenceEqual(MemoryMarshal.AsBytes<float>(expected[row])))
                continue;
            float tolerance = Placement.SplitsExperts ? SplitTolerance * expected[row].Max(MathF.Abs) : 0;
            for (int i = 0; i < expected[row].Length; i++)
            {
                if (!(MathF.Abs(actual[row][i] - expected[row][i]) <= tolerance))
                    return $"row {row} of {expected.Count}, token {i}: {actual[row][i]:R} instead of {expected[row][i]:R} (at the most {tolerance:R} apart)";
            }
        }

        return null;
    }
}
