using Moe.Inference.Tensors;

namespace Moe.Inference.Placement;

/// <summary>
/// Whole layers over GPUs as llama.cpp does it (src/llama-model.cpp, load_tensors): a model of n layers has n + 1 places, the output being the
/// last; the last <c>-ngl</c> places are on GPUs, and of these the one of number i, of m, is on the first GPU whose cumulative share is above i/m.
/// </summary>
internal static class LayerShares
{
    /// <summary>More layers than any model has; bounds the text of a rule.</summary>
    public const int MostLayers = 1 << 16;

    private const string OutputTensors = @"^output(_norm)?\.";

    /// <summary>The rules that say so.</summary>
    /// <param name="layers">The model's layers.</param>
    /// <param name="gpuLayers">Places on GPUs.</param>
    /// <param name="shares">The GPUs with their shares.</param>
    /// <exception cref="ArgumentException">A number or a share is out of range, or a device comes twice.</exception>
    public static IEnumerable<PlacementRule> Rules(int layers, int gpuLayers, (Device Device, double Share)[] shares)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(layers, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(layers, MostLayers);
        ArgumentOutOfRangeException.ThrowIfNegative(gpuLayers);
        if (shares.Any(share => !(share.Share >= 0) || !double.IsFinite(share.Share)) || !(shares.Sum(share => share.Share) > 0))
            throw new ArgumentException("each device needs a share that is not negative, and one of them must be positive", nameof(shares));
        if (shares.Select(share => share.Device).Distinct().Count() != shares.Length)
            throw new ArgumentException("a device comes twice", nameof(shares));
        return Places(layers, gpuLayers, shares)
            .GroupBy(place => place.Device, place => place.Place)
            .SelectMany(group => RulesOf(group.Key, [.. group], layers));
    }

    private static IEnumerable<PlacementRule> RulesOf(Device device, int[] places, int layers)
    {
        if (places.Any(place => place < layers))
            yield return PlacementRule.Layers(places.Where(place => place < layers), device);
        if (places.Contains(layers))
            yield return PlacementRule.Expression(OutputTensors, device);
    }

    private static IEnumerable<(int Place, Device Device)> Places(int layers, int gpuLayers, (Device Device, double Share)[] shares)
    {
        int count = Math.Min(gpuLayers, layers + 1);
        // In single precision, because the last bit decides at the borders.
        float total = 0;
        float[] ends = [.. shares.Select(share => total += (float)share.Share)];
        for (int i = 0; i < count; i++)
        {
            float position = (float)i / count;
            int gpu = Array.FindIndex(ends, end => end / total > position);
            yield return (layers + 1 - count + i, shares[gpu].Device);
        }
    }
}
