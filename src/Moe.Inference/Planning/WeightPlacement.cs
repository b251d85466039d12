using Moe.Inference.Graph;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>Says which tensors, and which parts of split ones, live on which device.</summary>
internal static class WeightPlacement
{
    /// <summary>Each tensor with its device; one whose experts are spread over devices comes in parts.</summary>
    /// <param name="weights">Tensors as a graph uses them; the same one may come several times.</param>
    /// <param name="placement">Where tensors live.</param>
    public static IEnumerable<(Weight Part, Device Device)> Parts(IEnumerable<Weight> weights, DevicePlacement placement)
    {
        foreach (Weight weight in weights.Distinct())
        {
            if (weight.Slices > 1 && LayerOf(weight.Name) is { } layer && placement.SplitOf(layer) is { } split)
            {
                foreach (ExpertRange range in split.Ranges(weight.Slices))
                    yield return (weight.Part(range.First, range.Count), range.Device);
            }
            else
            {
                yield return (weight, placement.DeviceOf(weight.Name));
            }
        }
    }

    /// <summary>The layer that a tensor's name says it belongs to, or null.</summary>
    public static int? LayerOf(string name)
    {
        const string Prefix = "blk.";
        if (!name.StartsWith(Prefix, StringComparison.Ordinal))
            return null;
        ReadOnlySpan<char> rest = name.AsSpan(Prefix.Length);
        int end = rest.IndexOf('.');
        return end > 0 && int.TryParse(rest[..end], out int layer) ? layer : null;
    }
}
