using Moe.Inference.Tensors;

namespace Moe.Inference.Placement;

/// <summary>A run of a layer's experts on one device.</summary>
/// <param name="Device">The device.</param>
/// <param name="First">The first expert.</param>
/// <param name="Count">How many, at least 1.</param>
public readonly record struct ExpertRange(Device Device, int First, int Count);

/// <summary>The experts of some layers spread over several devices: each device computes its own, and the parts are added.</summary>
public sealed class ExpertSplit
{
    private readonly (Device Device, double Share)[] _shares;

    /// <summary>Spreads experts by share.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="shares">Devices with their shares; shares are relative to each other, positive and finite.</param>
    /// <exception cref="ArgumentException">There are no shares, a share is not positive, or a device comes twice.</exception>
    public ExpertSplit(IEnumerable<int> layers, IEnumerable<(Device Device, double Share)> shares)
    {
        Layers = new HashSet<int>(layers);
        _shares = [.. shares];
        if (_shares.Length == 0 || _shares.Any(share => !(share.Share > 0) || !double.IsFinite(share.Share)))
            throw new ArgumentException("each device needs a positive share", nameof(shares));
        if (_shares.Select(share => share.Device).Distinct().Count() != _shares.Length)
            throw new ArgumentException("a device comes twice", nameof(shares));
    }

    /// <summary>The layers.</summary>
    public IReadOnlySet<int> Layers { get; }

    /// <summary>Which experts live where: consecutive ranges in the order of the devices; a device whose share rounds to nothing has none.</summary>
    /// <param name="experts">Experts of a layer.</param>
    public IReadOnlyList<ExpertRange> Ranges(int experts)
    {
        double total = _shares.Sum(share => share.Share);
        List<ExpertRange> ranges = [];
        double sum = 0;
        int first = 0;
        foreach ((Device device, double share) in _shares)
        {
            sum += share;
            int end = (int)Math.Round(experts * sum / total, MidpointRounding.AwayFromZero);
            if (end > first)
                ranges.Add(new ExpertRange(device, first, end - first));
            first = Math.Max(first, end);
        }

        return ranges;
    }
}
