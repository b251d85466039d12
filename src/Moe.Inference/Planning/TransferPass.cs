using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Puts a transfer before each use of a value on another device: once per value and device, by way of the host where neither end is the
/// host. After it, all inputs of a node are on the node's device.
/// </summary>
internal sealed class TransferPass
{
    private readonly PlacedGraph _placed;
    private readonly GraphRewriter _rewriter;
    private readonly Dictionary<GraphValue, Device> _homes = [];
    private readonly Dictionary<(GraphValue Value, Device Device), GraphValue> _copies = [];
    private readonly List<Device> _devices = [];
    private readonly List<IKernel?> _kernels = [];

    private TransferPass(PlacedGraph placed)
    {
        _placed = placed;
        _rewriter = new GraphRewriter(placed.Graph);
        foreach (GraphValue input in _rewriter.Builder.Inputs.All)
            _homes.Add(input, Device.Cpu);
    }

    /// <summary>Rewrites a graph.</summary>
    public static PlacedGraph Run(PlacedGraph placed) => new TransferPass(placed).Run();

    private PlacedGraph Run()
    {
        foreach (GraphNode node in _placed.Graph.Nodes)
        {
            Device device = _placed.Devices[node.Id];
            // Which experts to send is read on the host; what is sent is on the device.
            Device reader = node.Operation is StageExpertsOp ? Device.Cpu : device;
            GraphValue[] inputs = [.. _rewriter.Inputs(node).Select(input => On(reader, input, node.Layer))];
            GraphNode copy = _rewriter.Copy(node, inputs);
            Record(copy, device, _placed.Kernels[node.Id]);
        }

        return new PlacedGraph(_rewriter.Build(), _devices, _kernels);
    }

    private GraphValue On(Device device, GraphValue value, int layer)
    {
        Device home = _homes[value];
        if (home == device)
            return value;
        if (_copies.TryGetValue((value, device), out GraphValue? copy))
            return copy;
        GraphValue source = home.IsCpu || device.IsCpu ? value : On(Device.Cpu, value, layer);
        TransferOp transfer = new(_homes[source], device);
        _rewriter.Builder.Layer = layer;
        GraphNode node = _rewriter.Builder.AddNode($"{value.Name}→{device}", transfer, [source]);
        // A transfer's result is on its destination, whichever queue carries it out.
        Record(node, device, null);
        return _copies[(value, device)] = node.Outputs[0];
    }

    private void Record(GraphNode node, Device device, IKernel? kernel)
    {
        _devices.Add(device);
        _kernels.Add(kernel);
        foreach (GraphValue output in node.Outputs)
            _homes.Add(output, device);
    }
}
