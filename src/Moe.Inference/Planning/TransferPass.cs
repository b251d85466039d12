using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>
/// Puts a transfer before each use of a value on another device: once per value and device, by way of the host where neither end is the
/// host and the one cannot copy from the other. After it, all inputs of a node are on the node's device.
/// </summary>
internal sealed class TransferPass
{
    private readonly PlanRequest _request;
    private readonly PlacedGraph _placed;
    private readonly GraphRewriter _rewriter;
    private readonly Dictionary<GraphValue, Device> _homes = [];
    private readonly Dictionary<(GraphValue Value, Device Device), GraphValue> _copies = [];
    private readonly List<Device> _devices = [];
    private readonly List<IKernel?> _kernels = [];

    private TransferPass(PlanRequest request, PlacedGraph placed)
    {
        _request = request;
        _placed = placed;
        _rewriter = new GraphRewriter(placed.Graph);
        foreach (GraphValue input in _rewriter.Builder.Inputs.All)
            _homes.Add(input, Device.Cpu);
    }

    /// <summary>Rewrites a graph.</summary>
    public static PlacedGraph Run(PlanRequest request, PlacedGraph placed) => new TransferPass(request, placed).Run();

    private PlacedGraph Run()
    {
        foreach (GraphNode node in _placed.Graph.Nodes)
        {
            Device device = _placed.Devices[node.Id];
            // Which experts to send is read on the host; what is sent is on the device.
            GraphValue[] inputs = [.. _rewriter.Inputs(node).Select((input, i) => On(node.Operation is StageExpertsOp && i == 0 ? Device.Cpu : device, input, node.Layer))];
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
        bool direct = home.IsCpu || device.IsCpu || _request.Peers?.Has(home, device) == true;
        GraphValue source = direct ? value : On(Device.Cpu, value, layer);
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
