using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>Says where each node runs: where its weights live; else where its layer's attention lives, if it uses key/value memory; else where its first input is made.</summary>
internal static class AssignPass
{
    /// <summary>The device of each node, by node id.</summary>
    public static Device[] Run(PlanRequest request)
    {
        ModelGraph graph = request.Graph;
        Dictionary<int, Device> homes = [];
        Device[] nodes = new Device[graph.Nodes.Count];
        foreach (GraphNode node in graph.Nodes)
        {
            Device device = node.Weights.Count > 0 ? request.Placement.DeviceOf(node.Weights[0].Name)
                : node.Kv is not null ? request.Placement.DeviceOf(KvAnchor(node.Kv))
                : node.Inputs.Count > 0 && homes.TryGetValue(node.Inputs[0].Id, out Device home) ? home
                : Device.Cpu;
            nodes[node.Id] = device;
            foreach (GraphValue output in node.Outputs)
                homes[output.Id] = device;
        }

        return nodes;
    }

    /// <summary>The tensor that a layer's key/value memory lives with.</summary>
    public static string KvAnchor(KvLayer layer) => $"blk.{layer.Index}.attn_k.weight";
}
