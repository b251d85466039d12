using Moe.Inference.Graph;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Says where a node runs: where its weights live; where its key/value memory lives; else where most bytes of its inputs are, and, of two
/// devices with equally many, on the one that is its layer's home.
/// </summary>
internal sealed class Assigner(DevicePlacement placement, RunSize limits)
{
    /// <summary>The device of a node.</summary>
    /// <param name="node">The node.</param>
    /// <param name="homes">Where each of its inputs is.</param>
    /// <param name="conflict">What lives elsewhere than the rest, if the node's weights are not all on one device.</param>
    public Device DeviceOf(GraphNode node, IReadOnlyList<Device> homes, out string? conflict)
    {
        conflict = null;
        if (node.Weights.Count > 0)
            return OfWeights(node.Weights, out conflict);
        if (node.Kv is not null)
            return placement.KvDeviceOf(node.Kv.Index);
        return OfInputs(node, homes);
    }

    private Device OfWeights(IReadOnlyList<Weight> weights, out string? conflict)
    {
        Device device = placement.DeviceOf(weights[0].Name);
        Weight? other = weights.FirstOrDefault(weight => placement.DeviceOf(weight.Name) != device);
        conflict = other is null ? null : $"'{weights[0].Name}' is on {device}, but '{other.Name}' on {placement.DeviceOf(other.Name)}";
        return device;
    }

    private Device OfInputs(GraphNode node, IReadOnlyList<Device> homes)
    {
        Dictionary<Device, long> bytes = [];
        for (int i = 0; i < homes.Count; i++)
            bytes[homes[i]] = bytes.GetValueOrDefault(homes[i]) + node.Inputs[i].Shape.ByteLength(limits);
        if (bytes.Count == 0)
            return Device.Cpu;
        long most = bytes.Values.Max();
        Device[] candidates = [.. bytes.Where(pair => pair.Value == most).Select(pair => pair.Key)];
        if (candidates.Length == 1 || node.Layer < 0)
            return candidates[0];
        Device home = placement.HomeOf(node.Layer);
        return candidates.Contains(home) ? home : candidates[0];
    }
}
