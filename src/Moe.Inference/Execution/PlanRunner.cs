using System.Runtime.InteropServices;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>A plan bound to memory: owns the arenas, runs micro-batches. Used by one thread at a time.</summary>
public sealed class PlanRunner : IDisposable
{
    private readonly ExecutionPlan _plan;
    private readonly IBackend _backend;
    private readonly DeviceBuffer _arena;
    private readonly IDeviceProgram _program;

    /// <summary>Allocates the plan's arenas and binds its kernels.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="backends">The devices it names.</param>
    /// <param name="weights">Where a tensor of the model lies.</param>
    /// <param name="kv">Where a layer's key/value memory lies.</param>
    /// <exception cref="PlanningException">A device that the plan names is not among the backends.</exception>
    /// <exception cref="OutOfDeviceMemoryException">An arena does not fit.</exception>
    public PlanRunner(ExecutionPlan plan, IReadOnlyList<IBackend> backends, Func<Weight, TensorView> weights, Func<KvLayer, KvLayerView> kv)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(backends);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(kv);
        _plan = plan;
        (Device device, long bytes) = plan.ArenaBytes.Single();
        _backend = backends.FirstOrDefault(candidate => candidate.Device == device)
            ?? throw new PlanningException("", "arena", device.ToString(), $"there is no such device; there are {string.Join(", ", backends.Select(backend => backend.Device))}");
        _arena = _backend.Allocate(bytes, "compute arena");
        try
        {
            _program = _backend.Compile([.. plan.Steps.Select(step => (step, Bind(step, weights, kv)))]);
        }
        catch
        {
            _arena.Dispose();
            throw;
        }
    }

    /// <summary>The plan.</summary>
    public ExecutionPlan Plan => _plan;

    /// <summary>Fills one of the graph's inputs, from its first row.</summary>
    public void SetInput(GraphValue input, ReadOnlySpan<int> data)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArenaSlot slot = _plan.Values[input.Id];
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(data);
        if (bytes.Length > slot.Bytes)
            throw new ArgumentException($"'{input.Name}' holds {slot.Bytes} bytes, not {bytes.Length}", nameof(data));
        _backend.Write(_arena, slot.Offset, bytes);
    }

    /// <summary>Runs one micro-batch.</summary>
    /// <inheritdoc cref="IDeviceProgram.Run"/>
    public void Run(RunSize size, CancellationToken cancellation = default)
    {
        RunSize limits = _plan.Request.Limits;
        if (size.Tokens < 1 || size.Tokens > limits.Tokens || size.Outputs < 0 || size.Outputs > limits.Outputs || size.Pages > limits.Pages || size.Context > limits.Context)
            throw new ArgumentOutOfRangeException(nameof(size), size, $"the plan was made for at the most {limits}");
        _program.Run(size, cancellation);
    }

    /// <summary>Copies rows of a value that lives to the end of a run (the logits) to the host.</summary>
    /// <param name="row">First row.</param>
    /// <param name="destination">A whole number of rows.</param>
    public void ReadLogits(int row, Span<float> destination)
    {
        GraphValue logits = _plan.Graph.Logits;
        ArenaSlot slot = _plan.Values[logits.Id];
        long offset = (long)row * logits.Width * sizeof(float);
        if (offset + ((long)destination.Length * sizeof(float)) > slot.Bytes)
            throw new ArgumentOutOfRangeException(nameof(row), row, "the rows lie beyond the logits");
        _backend.Read(_arena, slot.Offset + offset, MemoryMarshal.AsBytes(destination));
    }

    /// <summary>Gives the arenas back.</summary>
    public void Dispose()
    {
        _program.Dispose();
        _arena.Dispose();
    }

    private IStep Bind(PlannedStep step, Func<Weight, TensorView> weights, Func<KvLayer, KvLayerView> kv)
    {
        TensorView View(GraphValue value) =>
            new(_arena, _plan.Values[value.Id].Offset, value.Shape.Type, value.Width, value.Rows.Resolve(_plan.Request.Limits));
        KernelBinding binding = new(
            step.Node,
            [.. step.Node.Inputs.Select(View)],
            [.. step.Node.Weights.Select(weights)],
            [.. step.Node.Outputs.Select(View)],
            new TensorView(_arena, step.Scratch.Offset, ElementType.I8, 1, step.Scratch.Bytes),
            step.Node.Kv is null ? null : kv(step.Node.Kv),
            _plan.Request.Limits,
            _plan.Request.Options);
        return step.Kernel.Bind(binding);
    }
}
