using Moe.Inference.Tensors;

namespace Moe.Inference.Placement;

/// <summary>Where a model's tensors live: an ordered list of rules, of which the first that matches a tensor's name wins. Immutable.</summary>
public sealed class DevicePlacement
{
    private readonly PlacementRule[] _rules;
    private readonly ExpertSplit[] _splits;

    private DevicePlacement(Device otherwise, PlacementRule[] rules, ExpertSplit[] splits, bool kvOnHost)
    {
        Default = otherwise;
        _rules = rules;
        _splits = splits;
        KvOnHost = kvOnHost;
    }

    /// <summary>Everything on the host processor.</summary>
    public static DevicePlacement Cpu { get; } = On(Device.Cpu);

    /// <summary>Where tensors live that no rule matches.</summary>
    public Device Default { get; }

    /// <summary>The rules, first match wins.</summary>
    public IReadOnlyList<PlacementRule> Rules => _rules;

    /// <summary>Experts of one layer spread over several devices; these win over rules.</summary>
    public IReadOnlyList<ExpertSplit> Splits => _splits;

    /// <summary>Whether key/value memory, and attention with it, stays on the host (llama.cpp's <c>--no-kv-offload</c>); otherwise it follows its layer's attention.</summary>
    public bool KvOnHost { get; }

    /// <summary>Everything on one device.</summary>
    public static DevicePlacement On(Device device) => new(device, [], [], false);

    /// <summary>This placement with one more rule, by glob, after the others.</summary>
    /// <param name="pattern">Such as <c>blk.*.ffn_*_exps.weight</c>; must match the whole name.</param>
    /// <param name="device">Where matching tensors live.</param>
    public DevicePlacement Put(string pattern, Device device) => With(PlacementRule.Glob(pattern, device));

    /// <summary>This placement with one more rule, by regular expression, after the others.</summary>
    /// <param name="pattern">Such as <c>blk\.\d+\.attn</c>; may match anywhere in the name.</param>
    /// <param name="device">Where matching tensors live.</param>
    public DevicePlacement PutMatching(string pattern, Device device) => With(PlacementRule.Expression(pattern, device));

    /// <summary>This placement with one more rule after the others.</summary>
    public DevicePlacement With(PlacementRule rule) => new(Default, [.. _rules, rule], _splits, KvOnHost);

    /// <summary>This placement with the experts of some layers spread over devices.</summary>
    public DevicePlacement WithSplit(ExpertSplit split) => new(Default, _rules, [.. _splits, split], KvOnHost);

    /// <summary>This placement with key/value memory on the host, or with its layers.</summary>
    public DevicePlacement WithKvOnHost(bool onHost = true) => new(Default, _rules, _splits, onHost);

    /// <summary>Where a tensor lives.</summary>
    public Device DeviceOf(string tensorName) => RuleOf(tensorName)?.Device ?? Default;

    /// <summary>The rule that places a tensor, or null if it lives where the default says.</summary>
    public PlacementRule? RuleOf(string tensorName)
    {
        foreach (PlacementRule rule in _rules)
        {
            if (rule.Matches(tensorName))
                return rule;
        }

        return null;
    }

    /// <summary>The split that spreads a layer's experts, or null.</summary>
    public ExpertSplit? SplitOf(int layer) => Array.Find(_splits, split => split.Layers.Contains(layer));

    /// <summary>Where a layer's key/value memory lives.</summary>
    public Device KvDeviceOf(int layer) => KvOnHost ? Device.Cpu : DeviceOf($"blk.{layer}.attn_k.weight");

    /// <summary>Where a layer's small operations run when nothing else decides: with its first normalization.</summary>
    public Device HomeOf(int layer) => DeviceOf($"blk.{layer}.attn_norm.weight");
}
