using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>A graph whose every node has a kernel on its device.</summary>
/// <param name="Graph">The rewritten graph.</param>
/// <param name="Devices">Device of each node, by id.</param>
/// <param name="Kernels">Kernel of each node, by id.</param>
internal sealed record ExpandedGraph(ModelGraph Graph, IReadOnlyList<Device> Devices, IReadOnlyList<IKernel> Kernels);

/// <summary>Replaces each operation that is switched off, or that no kernel takes, by its composed form, again and again until kernels take all.</summary>
internal sealed class ExpandPass
{
    private readonly PlanRequest _request;
    private readonly List<Device> _devices = [];
    private readonly List<IKernel> _kernels = [];
    private readonly GraphBuilder _result = new();

    private ExpandPass(PlanRequest request) => _request = request;

    /// <summary>Rewrites the request's graph.</summary>
    /// <exception cref="PlanningException">An operation has neither a kernel nor a composed form.</exception>
    public static ExpandedGraph Run(PlanRequest request, IReadOnlyList<Device> devices) => new ExpandPass(request).Run(request.Graph, devices);

    private ExpandedGraph Run(ModelGraph graph, IReadOnlyList<Device> devices)
    {
        GraphValue?[] map = new GraphValue?[graph.ValueCount];
        for (int i = 0; i < graph.Inputs.All.Count; i++)
            map[graph.Inputs.All[i].Id] = _result.Inputs.All[i];
        foreach (GraphNode node in graph.Nodes)
        {
            IReadOnlyList<GraphValue> outputs = Place(node, [.. node.Inputs.Select(input => map[input.Id]!)], devices[node.Id]);
            for (int i = 0; i < outputs.Count; i++)
                map[node.Outputs[i].Id] = outputs[i];
        }

        return new ExpandedGraph(_result.Build(map[graph.Logits.Id]!), _devices, _kernels);
    }

    private IReadOnlyList<GraphValue> Place(GraphNode node, GraphValue[] inputs, Device device)
    {
        Operation operation = node.Operation;
        bool enabled = _request.Registry.IsEnabled(operation.Name);
        IKernel? kernel = enabled ? _request.Registry.Find(operation.Name, device.Kind) : null;
        string? refusal = !enabled ? "the operation is switched off" : kernel is null ? "no kernel is registered" : kernel.Refuses(node, _request.Options);
        _result.Layer = node.Layer;
        if (refusal is null)
        {
            GraphNode placed = _result.AddNode(node.Label, operation, inputs, [.. node.Weights], node.Kv);
            _devices.Add(device);
            _kernels.Add(kernel!);
            return placed.Outputs;
        }

        if (!operation.HasComposedForm)
            throw new PlanningException(operation.Name, node.Label, device.ToString(), $"{refusal}, and the operation has no composed form");
        return Compose(node, inputs, device);
    }

    // The composed form is built in a graph of its own, so that its nodes go through Place like any other.
    private GraphValue[] Compose(GraphNode node, GraphValue[] inputs, Device device)
    {
        GraphBuilder scratch = new() { Layer = node.Layer };
        GraphValue[] stands = [.. inputs.Select(input => scratch.AddInput(input.Name, input.Shape))];
        GraphNode original = new(node.Id, node.Label, node.Layer, node.Operation, stands, node.Weights, node.Kv) { Outputs = node.Outputs };
        IReadOnlyList<GraphValue> results = node.Operation.Compose(original, scratch, _request.Limits);
        ModelGraph parts = scratch.Build(results[0]);
        GraphValue?[] map = new GraphValue?[parts.ValueCount];
        for (int i = 0; i < stands.Length; i++)
            map[stands[i].Id] = inputs[i];
        foreach (GraphNode part in parts.Nodes)
        {
            IReadOnlyList<GraphValue> outputs = Place(part, [.. part.Inputs.Select(input => map[input.Id]!)], device);
            for (int i = 0; i < outputs.Count; i++)
                map[part.Outputs[i].Id] = outputs[i];
        }

        return [.. results.Select(result => map[result.Id]!)];
    }
}
