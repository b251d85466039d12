using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution.Validation;

/// <summary>One step on the reference backend: operands copied before the device runs it, results compared after.</summary>
internal sealed class ReferenceRun : IDisposable
{
    private readonly PlanMemory _plan;
    private readonly ValidationSettings _settings;
    private readonly PlannedStep _step;
    private readonly RunSize _size;
    private readonly List<DeviceBuffer> _buffers = [];
    private readonly List<TensorView> _outputs = [];
    private KvLayerView? _memory;
    private IDeviceProgram? _program;

    private ReferenceRun(PlannedStep step, PlanMemory plan, ValidationSettings settings, RunSize size) => (_step, _plan, _settings, _size) = (step, plan, settings, size);

    private IBackend Reference => _settings.Reference;

    /// <summary>Copies the step's operands as they are now.</summary>
    public static ReferenceRun Prepare(PlannedStep step, PlanMemory plan, ValidationSettings settings, RunSize size)
    {
        ReferenceRun run = new(step, plan, settings, size);
        try
        {
            run.Bind();
            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>Runs the step and compares with what the device has computed meanwhile.</summary>
    /// <returns>What differs, or null.</returns>
    public string? Compare()
    {
        Reference.Enqueue(_program!, _size, CancellationToken.None);
        Reference.Synchronize();
        float tolerance = _settings.Tolerance;
        for (int i = 0; i < _outputs.Count; i++)
        {
            GraphValue output = _step.Node.Outputs[i];
            byte[] expected = new byte[output.Shape.ByteLength(_size)];
            Reference.Read(_outputs[i].Buffer, 0, expected);
            if (Comparison.Find(_plan.Read(output, _size), expected, output.Shape.Type, output.Width, tolerance) is { } finding)
                return finding;
        }

        return _memory is null ? null : CompareHalf("keys", _plan.Kv(_step.Node.Kv!).Keys, _memory.Keys) ?? CompareHalf("values", _plan.Kv(_step.Node.Kv!).Values, _memory.Values);
    }

    public void Dispose()
    {
        _program?.Dispose();
        foreach (DeviceBuffer buffer in _buffers)
            buffer.Dispose();
    }

    private void Bind()
    {
        GraphNode node = _step.Node;
        RunSize limits = _plan.Plan.Request.Limits;
        Dictionary<GraphValue, TensorView> places = [];
        foreach (GraphValue input in node.Inputs.Distinct())
            places[input] = Copy(input.Shape, limits, _plan.Read(input, _size));
        if (node.Kv is not null)
        {
            KvLayerView device = _plan.Kv(node.Kv);
            _memory = device with { Keys = CopyHalf(device.Keys), Values = CopyHalf(device.Values) };
        }

        (IReadOnlyList<GraphNode> parts, IReadOnlyList<GraphValue> results) = PartsOf(node, limits, places);
        _program = Reference.Compile([.. parts.Select(part => Bind(part, limits, places))]);
        _outputs.AddRange(results.Select(result => places[result]));
    }

    // What the reference has no kernel for, it computes by the composed form.
    private (IReadOnlyList<GraphNode> Parts, IReadOnlyList<GraphValue> Results) PartsOf(GraphNode node, RunSize limits, Dictionary<GraphValue, TensorView> places)
    {
        if (_settings.Kernels.Find(node.Operation.Name, Device.CpuKind) is not null || !node.Operation.HasComposedForm)
            return ([node], node.Outputs);
        ComposedForm form = ComposedForm.Of(node, limits);
        for (int i = 0; i < form.Stands.Count; i++)
            places[form.Stands[i]] = places[node.Inputs[i]];
        return (form.Nodes, form.Results);
    }

    private (PlannedStep Planned, IStep Bound) Bind(GraphNode node, RunSize limits, Dictionary<GraphValue, TensorView> places)
    {
        IKernel kernel = _settings.Kernels.Find(node.Operation.Name, Device.CpuKind)
            ?? throw new PlanningException(node.Operation.Name, node.Label, Device.Cpu.ToString(), "the reference backend has no kernel for it, so that it cannot be validated");
        KernelOptions options = _plan.Plan.Request.Options with { Threads = 1 };
        foreach (GraphValue output in node.Outputs)
            places[output] = Poisoned(output.Shape, limits);
        long scratch = kernel.ScratchBytes(node, limits, options);
        KernelBinding binding = new(
            node,
            [.. node.Inputs.Select(input => places[input])],
            [.. node.Weights.Select(weight => _plan.Weights(weight, Device.Cpu))],
            [.. node.Outputs.Select(output => places[output])],
            new TensorView(Allocate(scratch), 0, ElementType.I8, 1, scratch),
            _memory,
            limits,
            options);
        return (_step with { Node = node, Kernel = kernel, Device = Device.Cpu, Stage = node.Id }, Reference.Bind(kernel, binding));
    }

    private DeviceBuffer Allocate(long bytes)
    {
        DeviceBuffer buffer = Reference.Allocate(Math.Max(bytes, 1), "validation");
        _buffers.Add(buffer);
        return buffer;
    }

    private TensorView Copy(ValueShape shape, RunSize limits, byte[] data)
    {
        TensorView view = Poisoned(shape, limits);
        Reference.Write(view.Buffer, 0, data);
        return view;
    }

    private TensorView Poisoned(ValueShape shape, RunSize limits)
    {
        byte[] poison = new byte[shape.ByteLength(limits)];
        poison.AsSpan().Fill(ValidationSettings.PoisonPattern);
        DeviceBuffer buffer = Allocate(poison.Length);
        Reference.Write(buffer, 0, poison);
        return new TensorView(buffer, 0, shape.Type, shape.Width, shape.Rows.Resolve(limits));
    }

    private TensorView CopyHalf(TensorView half)
    {
        byte[] data = ReadHalf(half, _plan.Backends(half.Buffer.Device));
        DeviceBuffer buffer = Allocate(data.Length);
        Reference.Write(buffer, 0, data);
        return half with { Buffer = buffer, Offset = 0 };
    }

    private string? CompareHalf(string name, TensorView device, TensorView reference)
    {
        byte[] found = ReadHalf(device, _plan.Backends(device.Buffer.Device));
        byte[] expected = ReadHalf(reference, Reference);
        return Comparison.Find(found, expected, device.Type, device.Width, _settings.Tolerance) is { } finding ? $"{name} in key/value memory: {finding}" : null;
    }

    private static byte[] ReadHalf(TensorView half, IBackend backend)
    {
        byte[] data = new byte[half.ByteLength];
        backend.Read(half.Buffer, half.Offset, data);
        return data;
    }
}
