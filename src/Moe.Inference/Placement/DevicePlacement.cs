using System.Collections.Concurrent;
using Moe.Inference.Tensors;

namespace Moe.Inference.Placement;

/// <summary>
/// Where a model's tensors live: an ordered list of rules, of which the first that matches a tensor's name wins. Overrides come first, in the
/// order they were given, as llama.cpp's <c>-ot</c> does; then the rules of a preset that places whole layers; then the default. Immutable.
/// </summary>
public sealed class DevicePlacement
{
    private readonly PlacementRule[] _overrides;
    private readonly PlacementRule[] _layers;
    private readonly ExpertSplit[] _splits;

    // Planning asks for the same few names again and again, from any thread.
    private readonly ConcurrentDictionary<string, PlacementRule?> _known = new(StringComparer.Ordinal);

    private DevicePlacement(Device otherwise, PlacementRule[] overrides, PlacementRule[] layers, ExpertSplit[] splits, bool kvOnHost)
    {
        Default = otherwise;
        _overrides = overrides;
        _layers = layers;
        _splits = splits;
        KvOnHost = kvOnHost;
    }

    /// <summary>Everything on the host processor.</summary>
    public static DevicePlacement Cpu { get; } = On(Device.Cpu);

    /// <summary>Where tensors live that no rule matches.</summary>
    public Device Default { get; }

    /// <summary>The rules, first match wins: overrides, then those that place whole layers.</summary>
    public IReadOnlyList<PlacementRule> Rules => [.. _overrides, .. _layers];

    /// <summary>Experts of one layer spread over several devices; these win over rules.</summary>
    public IReadOnlyList<ExpertSplit> Splits => _splits;

    /// <summary>Whether key/value memory, and attention with it, stays on the host (llama.cpp's <c>--no-kv-offload</c>); otherwise it follows its layer's attention.</summary>
    public bool KvOnHost { get; }

    /// <summary>The rules somebody wrote, without those of a preset that places whole layers.</summary>
    internal IReadOnlyList<PlacementRule> Overrides => _overrides;

    /// <summary>Everything on one device.</summary>
    public static DevicePlacement On(Device device) => new(device, [], [], [], false);

    /// <summary>
    /// Whole layers on GPUs, as llama.cpp's <c>-ngl</c> and <c>-ts</c> place them: the output counts as one layer more, behind the last; the last
    /// <paramref name="gpuLayers"/> of them go to the GPUs, in order, by share. The token embedding stays on the host.
    /// </summary>
    /// <param name="layers">The model's layers, at least 1.</param>
    /// <param name="gpuLayers">Layers on GPUs, at least 0; 1 is the output alone, <paramref name="layers"/> + 1 or more is everything.</param>
    /// <param name="shares">The GPUs in order, with their shares: relative to each other, not negative, not all 0.</param>
    /// <exception cref="ArgumentException">A number is out of range, a share is not as described, or a device comes twice.</exception>
    public static DevicePlacement LayersByShare(int layers, int gpuLayers, IEnumerable<(Device Device, double Share)> shares) =>
        Cpu.WithLayers(LayerShares.Rules(layers, gpuLayers, [.. shares]));

    /// <summary>This placement with one more override, by glob, after the others.</summary>
    /// <param name="pattern">Such as <c>blk.*.ffn_*_exps.weight</c>; must match the whole name.</param>
    /// <param name="device">Where matching tensors live.</param>
    public DevicePlacement Put(string pattern, Device device) => With(PlacementRule.Glob(pattern, device));

    /// <summary>This placement with one more override, by regular expression, after the others.</summary>
    /// <param name="pattern">Such as <c>blk\.\d+\.attn</c>; may match anywhere in the name.</param>
    /// <param name="device">Where matching tensors live.</param>
    /// <exception cref="ArgumentException">The text is no regular expression.</exception>
    public DevicePlacement PutMatching(string pattern, Device device) => With(PlacementRule.Expression(pattern, device));

    /// <summary>This placement with more overrides, as llama.cpp's <c>-ot</c> takes them, after the others.</summary>
    /// <param name="text">
    /// <c>REGEX=DEVICE</c>, several of them separated by commas, such as <c>blk\.[0-7]\..*_exps\.=CUDA2,exps=CPU</c>. Names of host memory, such as
    /// <c>CUDA_Host</c>, stand for the host.
    /// </param>
    /// <exception cref="FormatException">A piece is no override; the message names it.</exception>
    public DevicePlacement WithOverride(string text) => OverrideText.Parse(text).Aggregate(this, (placement, rule) => placement.With(rule));

    /// <summary>This placement with all experts on the host (llama.cpp's <c>--cpu-moe</c>).</summary>
    public DevicePlacement ExpertsOnCpu() => With(PlacementRule.Experts(Device.Cpu));

    /// <summary>
    /// This placement with the experts of the first layers on the host. That is how llama.cpp's <c>--n-cpu-moe</c> counts: the first, not the last.
    /// </summary>
    /// <param name="firstLayers">How many layers, at least 0; more than the model has means all.</param>
    public DevicePlacement ExpertsOnCpu(int firstLayers)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstLayers);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstLayers, LayerShares.MostLayers);
        return firstLayers == 0 ? this : With(PlacementRule.Experts(Enumerable.Range(0, firstLayers), Device.Cpu));
    }

    /// <summary>This placement with one more override after the others.</summary>
    public DevicePlacement With(PlacementRule rule) => new(Default, [.. _overrides, rule], _layers, _splits, KvOnHost);

    /// <summary>This placement with the experts of some layers spread over devices.</summary>
    public DevicePlacement WithSplit(ExpertSplit split) => new(Default, _overrides, _layers, [.. _splits, split], KvOnHost);

    /// <summary>This placement with key/value memory on the host, or with its layers.</summary>
    public DevicePlacement WithKvOnHost(bool onHost = true) => new(Default, _overrides, _layers, _splits, onHost);

    /// <summary>Where a tensor lives.</summary>
    public Device DeviceOf(string tensorName) => RuleOf(tensorName)?.Device ?? Default;

    /// <summary>The rule that places a tensor, or null if it lives where the default says.</summary>
    public PlacementRule? RuleOf(string tensorName) => _known.GetOrAdd(tensorName, FirstMatch);

    /// <summary>The split that spreads a layer's experts, or null.</summary>
    public ExpertSplit? SplitOf(int layer) => Array.Find(_splits, split => split.Layers.Contains(layer));

    /// <summary>Where a layer's key/value memory lives.</summary>
    public Device KvDeviceOf(int layer) => KvOnHost ? Device.Cpu : DeviceOf($"blk.{layer}.attn_k.weight");

    /// <summary>Where a layer's small operations run when nothing else decides: with its first normalization.</summary>
    public Device HomeOf(int layer) => DeviceOf($"blk.{layer}.attn_norm.weight");

    /// <summary>This placement with other rules behind the overrides, and the host behind these.</summary>
    internal DevicePlacement WithLayers(IEnumerable<PlacementRule> rules) => new(Device.Cpu, _overrides, [.. rules], _splits, KvOnHost);

    private PlacementRule? FirstMatch(string tensorName) =>
        Array.Find(_overrides, rule => rule.Matches(tensorName)) ?? Array.Find(_layers, rule => rule.Matches(tensorName));
}
