using Moe.Inference.Tensors;

namespace Moe.Inference.Placement;

/// <summary>Where a model's tensors live: an ordered list of rules, of which the first that matches a tensor's name wins. Immutable.</summary>
public sealed class DevicePlacement
{
    private readonly PlacementRule[] _rules;

    private DevicePlacement(Device otherwise, PlacementRule[] rules)
    {
        Default = otherwise;
        _rules = rules;
    }

    /// <summary>Everything on the host processor.</summary>
    public static DevicePlacement Cpu { get; } = new(Device.Cpu, []);

    /// <summary>Where tensors live that no rule matches.</summary>
    public Device Default { get; }

    /// <summary>The rules, first match wins.</summary>
    public IReadOnlyList<PlacementRule> Rules => _rules;

    /// <summary>Everything on one device.</summary>
    public static DevicePlacement On(Device device) => new(device, []);

    /// <summary>This placement with one more rule, by glob, after the others.</summary>
    /// <param name="pattern">Such as <c>blk.*.ffn_*_exps.weight</c>.</param>
    /// <param name="device">Where matching tensors live.</param>
    public DevicePlacement Put(string pattern, Device device) => new(Default, [.. _rules, PlacementRule.Glob(pattern, device)]);

    /// <summary>This placement with one more rule, by regular expression, after the others.</summary>
    /// <param name="pattern">Such as <c>blk\.\d+\.attn</c>; may match anywhere in the name.</param>
    /// <param name="device">Where matching tensors live.</param>
    public DevicePlacement PutMatching(string pattern, Device device) => new(Default, [.. _rules, PlacementRule.Expression(pattern, device)]);

    /// <summary>Where a tensor lives.</summary>
    public Device DeviceOf(string tensorName)
    {
        foreach (PlacementRule rule in _rules)
        {
            if (rule.Matches(tensorName))
                return rule.Device;
        }

        return Default;
    }
}
