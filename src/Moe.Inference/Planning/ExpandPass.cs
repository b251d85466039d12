using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>A graph whose every node has a device, and a kernel there.</summary>
/// <param name="Graph">The graph.</param>
/// <param name="Devices">Device of each node, by id.</param>
/// <param name="Kernels">Kernel of each node, by id; null for a transfer.</param>
internal sealed record PlacedGraph(ModelGraph Graph, IReadOnlyList<Device> Devices, IReadOnlyList<IKernel?> Kernels);

/// <summary>
/// Gives each node a device and a kernel. An operation that is switched off, that no kernel takes, or whose weights live on several devices
/// is replaced by its composed form, again and again until kernels take all.
/// </summary>
internal sealed class ExpandPass
{
    private readonly PlanRequest _request;
    private readonly Assigner _assigner;
    private readonly GraphRewriter _rewriter;
    private readonly Dictionary<GraphValue, Device> _homes = [];
    private readonly List<Device> _devices = [];
    private readonly List<IKernel?> _kernels = [];

    private ExpandPass(PlanRequest request, ModelGraph graph)
    {
        _request = request;
        _assigner = new Assigner(request.Placement, request.Limits);
        _rewriter = new GraphRewriter(graph);
        foreach (GraphValue input in _rewriter.Builder.Inputs.All)
            _homes.Add(input, Device.Cpu);
    }

    /// <summary>Rewrites a graph.</summary>
    /// <param name="request">What the plan is made for.</param>
    /// <param name="graph">The graph.</param>
    /// <param name="pinned">Devices of nodes for which they are decided already.</param>
    /// <exception cref="PlanningException">An operation has neither a kernel nor a composed form.</exception>
    public static PlacedGraph Run(PlanRequest request, ModelGraph graph, IReadOnlyDictionary<int, Device> pinned) => new ExpandPass(request, graph).Run(pinned);

    private PlacedGraph Run(IReadOnlyDictionary<int, Device> pinned)
    {
        foreach (GraphNode node in _rewriter.Old.Nodes)
        {
            Device? device = pinned.TryGetValue(node.Id, out Device decided) ? decided : null;
            IReadOnlyList<GraphValue> outputs = Place(node, _rewriter.Inputs(node), device);
            for (int i = 0; i < outputs.Count; i++)
                _rewriter.Replace(node.Outputs[i], outputs[i]);
        }

        return new PlacedGraph(_rewriter.Build(), _devices, _kernels);
    }

    private IReadOnlyList<GraphValue> Place(GraphNode node, GraphValue[] inputs, Device? pinned)
    {
        if (node.Operation is StageExpertsOp or PrefetchExpertsOp)
            return Add(node, inputs, pinned!.Value, null);
        string? conflict = null;
        Device device = pinned ?? _assigner.DeviceOf(node, [.. inputs.Select(input => _homes[input])], out conflict);
        IKernel? kernel = _request.Registry.Find(node.Operation.Name, device.Kind);
        string? refusal = !_request.Registry.IsEnabled(node.Operation.Name) ? "the operation is switched off"
            : conflict ?? (kernel is null ? $"no kernel is registered for {device.Kind}" : kernel.Refuses(node, _request.Options));
        if (refusal is not null)
        {
            return node.Operation.HasComposedForm
                ? Compose(node, inputs, pinned)
                : throw new PlanningException(node.Operation.Name, node.Label, device.ToString(), $"{refusal}, and the operation has no composed form");
        }

        return Add(node, inputs, device, kernel);
    }

    private IReadOnlyList<GraphValue> Add(GraphNode node, GraphValue[] inputs, Device device, IKernel? kernel)
    {
        _rewriter.Builder.Layer = node.Layer;
        GraphNode placed = _rewriter.Builder.AddNode(node.Label, node.Operation, inputs, [.. node.Weights], node.Kv);
        _devices.Add(device);
        _kernels.Add(kernel);
        foreach (GraphValue output in placed.Outputs)
            _homes.Add(output, device);
        return placed.Outputs;
    }

    // The composed form is built in a graph of its own, so that its nodes go through Place like any other.
    private GraphValue[] Compose(GraphNode node, GraphValue[] inputs, Device? pinned)
    {
        ComposedForm form = ComposedForm.Of(node, _request.Limits);
        GraphValue?[] map = new GraphValue?[form.ValueCount];
        for (int i = 0; i < inputs.Length; i++)
            map[form.Stands[i].Id] = inputs[i];
        foreach (GraphNode part in form.Nodes)
        {
            IReadOnlyList<GraphValue> outputs = Place(part, [.. part.Inputs.Select(input => map[input.Id]!)], pinned);
            for (int i = 0; i < outputs.Count; i++)
                map[part.Outputs[i].Id] = outputs[i];
        }

        return [.. form.Results.Select(result => map[result.Id]!)];
    }
}
