using Moe.Inference.Graph;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>Looks for what is wrong or odd about a placement. Needs names and dimensions only.</summary>
internal sealed class PlacementChecks
{
    private static readonly string[] AttentionMatrices = ["attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight"];

    private readonly ModelOutline _model;
    private readonly DevicePlacement _placement;
    private readonly Dictionary<string, Weight> _weights;
    private readonly List<PlacementFinding> _findings = [];

    private PlacementChecks(ModelOutline model, DevicePlacement placement)
    {
        _model = model;
        _placement = placement;
        _weights = model.Weights.ToDictionary(weight => weight.Name, StringComparer.Ordinal);
    }

    /// <summary>The findings, errors first.</summary>
    public static IReadOnlyList<PlacementFinding> Run(ModelOutline model, DevicePlacement placement)
    {
        PlacementChecks checks = new(model, placement);
        checks.CheckRules();
        checks.CheckSplits();
        checks.CheckFeedForward();
        checks.CheckAttention();
        checks.CheckSmallTensors();
        return [.. checks._findings.OrderBy(finding => finding.Severity)];
    }

    private void CheckRules()
    {
        HashSet<PlacementRule> winners = [.. _weights.Values.Where(weight => SplitOf(weight) is null).Select(weight => _placement.RuleOf(weight.Name)).OfType<PlacementRule>()];
        foreach (PlacementRule rule in _placement.Overrides.Where(rule => !winners.Contains(rule)))
        {
            if (_weights.Keys.Any(rule.Matches))
                Add(FindingSeverity.Warning, FindingKind.ShadowedRule, $"rule '{rule}' has no effect: others before it, or splits of experts, place all that it matches");
            else
                Add(FindingSeverity.Error, FindingKind.UnmatchedRule, $"rule '{rule}' matches no tensor");
        }
    }

    private void CheckSplits()
    {
        HashSet<int> expertLayers = [.. _weights.Values.Where(weight => weight.Slices > 1).Select(weight => WeightPlacement.LayerOf(weight.Name)).OfType<int>()];
        foreach (ExpertSplit split in _placement.Splits)
        {
            int[] none = [.. split.Layers.Where(layer => !expertLayers.Contains(layer))];
            int[] shadowed = [.. split.Layers.Where(layer => expertLayers.Contains(layer) && _placement.SplitOf(layer) != split)];
            int[] own = [.. split.Layers.Except(none).Except(shadowed)];
            if (none.Length > 0 || split.Layers.Count == 0)
                Add(FindingSeverity.Error, FindingKind.UnmatchedSplit, none.Length == 0 ? "a split of experts names no layer" : $"{RangeText.Layers(none)} without experts cannot be split");
            if (shadowed.Length > 0)
                Add(FindingSeverity.Warning, FindingKind.ShadowedSplit, $"the experts of {RangeText.Layers(shadowed)} are split twice; the first split counts");
            if (own.Length > 0)
                Add(FindingSeverity.Note, FindingKind.SplitExperts, $"experts of {RangeText.Layers(own)} are split: {string.Join(", ", split.Ranges(_model.Shape.Experts).Select(Describe))}");
        }
    }

    private void CheckFeedForward()
    {
        List<(int Layer, string Devices)> pairs = [], downs = [];
        foreach (Weight gate in _weights.Values.Where(weight => weight.Name.Contains(".ffn_gate", StringComparison.Ordinal) && SplitOf(weight) is null))
        {
            if (!_weights.TryGetValue(gate.Name.Replace("ffn_gate", "ffn_up", StringComparison.Ordinal), out Weight? up))
                continue;
            int layer = WeightPlacement.LayerOf(gate.Name)!.Value;
            (Device gateDevice, Device upDevice) = (_placement.DeviceOf(gate.Name), _placement.DeviceOf(up.Name));
            if (gateDevice != upDevice)
                pairs.Add((layer, $"{gateDevice} and {upDevice}"));
            else if (_weights.TryGetValue(gate.Name.Replace("ffn_gate", "ffn_down", StringComparison.Ordinal), out Weight? down) && _placement.DeviceOf(down.Name) != gateDevice)
                downs.Add((layer, $"{gateDevice}, and down on {_placement.DeviceOf(down.Name)}"));
        }

        AddByDevices(FindingSeverity.Error, FindingKind.SeparatedGateAndUp, pairs, "gate and up of the feed-forward network are on");
        AddByDevices(FindingSeverity.Warning, FindingKind.SeparatedDown, downs, "gate and up of the feed-forward network are on");
    }

    private void CheckAttention()
    {
        List<(int Layer, string Devices)> separated = [];
        for (int layer = 0; layer < _model.Shape.Layers; layer++)
        {
            string[] on = [.. AttentionMatrices.Select(name => $"blk.{layer}.{name}").Where(_weights.ContainsKey).Select(name => _placement.DeviceOf(name).ToString()).Distinct()];
            if (on.Length > 1)
                separated.Add((layer, string.Join(", ", on)));
        }

        AddByDevices(FindingSeverity.Warning, FindingKind.SeparatedAttention, separated, "the matrices of attention are spread over");
    }

    // A normalization, bias or router far from all matrices of its half costs a transfer there and back for next to no work.
    private void CheckSmallTensors()
    {
        List<(int Layer, string Devices)> left = [];
        foreach (IGrouping<int?, Weight> layer in _weights.Values.GroupBy(weight => WeightPlacement.LayerOf(weight.Name)))
        {
            if (layer.Key is not { } index)
                continue;
            HashSet<Device> all = [.. layer.Where(IsLarge).SelectMany(DevicesOf)];
            HashSet<Device> attention = [.. layer.Where(weight => IsLarge(weight) && IsAttention(weight)).SelectMany(DevicesOf)];
            foreach (Weight small in layer.Where(weight => !IsLarge(weight)))
            {
                HashSet<Device> company = IsAttention(small) ? attention : all;
                Device device = _placement.DeviceOf(small.Name);
                if (company.Count > 0 && !company.Contains(device))
                    left.Add((index, $"{device}: {small.Name[(small.Name.IndexOf('.', "blk.".Length) + 1)..]}"));
            }
        }

        AddByDevices(FindingSeverity.Warning, FindingKind.LeftBehind, left, "away from the matrices they work with, small tensors are on");
    }

    private static bool IsLarge(Weight weight) => !weight.IsVector && !weight.Name.Contains(".ffn_gate_inp.", StringComparison.Ordinal);

    private static bool IsAttention(Weight weight) => weight.Name.Contains(".attn_", StringComparison.Ordinal);

    private IEnumerable<Device> DevicesOf(Weight weight) => WeightPlacement.Parts([weight], _placement).Select(part => part.Device);

    private ExpertSplit? SplitOf(Weight weight) => weight.Slices > 1 && WeightPlacement.LayerOf(weight.Name) is { } layer ? _placement.SplitOf(layer) : null;

    private static string Describe(ExpertRange range) => $"{(range.Count == 1 ? $"{range.First}" : $"{range.First}-{range.First + range.Count - 1}")} on {range.Device}";

    private void AddByDevices(FindingSeverity severity, FindingKind kind, IEnumerable<(int Layer, string Devices)> cases, string what)
    {
        foreach (IGrouping<string, int> group in cases.GroupBy(one => one.Devices, one => one.Layer))
            Add(severity, kind, $"in {RangeText.Layers(group)} {what} {group.Key}");
    }

    private void Add(FindingSeverity severity, FindingKind kind, string message) => _findings.Add(new PlacementFinding(severity, kind, message));
}
