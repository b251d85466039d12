using System.Runtime.InteropServices;

namespace Moe.Inference.Testing;

/// <summary>What must agree between the host alone and a placed model.</summary>
internal abstract class HybridComparison
{
    /// <summary>Switches under which the comparison makes sense.</summary>
    public virtual HybridSwitches Fit(HybridSwitches switches, HybridPlacement placement) => switches;

    /// <summary>Compares as many rows: logits, or of length 1 the logarithm of a generated token's probability.</summary>
    /// <returns>What differs, or null.</returns>
    public abstract string? Difference(IReadOnlyList<float[]> actual, IReadOnlyList<float[]> expected, HybridSwitches switches, HybridPlacement placement);

    /// <summary>Where two rows are farther apart than allowed, or null.</summary>
    protected static string? FirstBeyond(IReadOnlyList<float[]> actual, IReadOnlyList<float[]> expected, Func<float[], float> tolerance)
    {
        for (int row = 0; row < expected.Count; row++)
        {
            if (MemoryMarshal.AsBytes<float>(actual[row]).SequenceEqual(MemoryMarshal.AsBytes<float>(expected[row])))
                continue;
            float most = tolerance(expected[row]);
            for (int i = 0; i < expected[row].Length; i++)
            {
                if (!(MathF.Abs(actual[row][i] - expected[row][i]) <= most))
                    return $"row {row} of {expected.Count}, token {i}: {actual[row][i]:R} instead of {expected[row][i]:R} (at the most {most:R} apart)";
            }
        }

        return null;
    }
}

/// <summary>The same bits: for devices with the host's kernels. Where experts of a layer are on several devices, a sum has another order.</summary>
internal sealed class SameBits : HybridComparison
{
    // Another order of the last sum of a layer may change this much of the largest logit.
    private const float SplitTolerance = 1e-5f;

    /// <inheritdoc/>
    public override HybridSwitches Fit(HybridSwitches switches, HybridPlacement placement) => placement.SplitsExperts ? switches.InFloat32() : switches;

    /// <inheritdoc/>
    public override string? Difference(IReadOnlyList<float[]> actual, IReadOnlyList<float[]> expected, HybridSwitches switches, HybridPlacement placement) =>
        FirstBeyond(actual, expected, row => placement.SplitsExperts ? SplitTolerance * row.Max(MathF.Abs) : 0);
}
