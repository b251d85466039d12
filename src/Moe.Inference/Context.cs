using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Moe.Inference.Cpu;
using Moe.Inference.Cpu.Threading;
using Moe.Inference.Engine;
using Moe.Inference.Execution;
using Moe.Inference.Execution.Validation;
using Moe.Inference.Graph;
using Moe.Inference.Kv;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>
/// A model made ready to run: key/value memory, a compiled plan, and one engine thread that computes for all sessions in shared batches.
/// Safe to use from many threads.
/// </summary>
public sealed class Context : IDisposable
{
    private readonly List<IBackend> _backends = [];
    private readonly List<IDisposable> _locked = [];
    private CpuBackend? _reference;
    private readonly KvMemory _memory;
    private readonly RunnerSet _runners;
    private readonly InferenceEngine _engine;
    private bool _disposed;

    internal Context(Model model, ContextOptions options)
    {
        Model = model;
        Stopwatch watch = Stopwatch.StartNew();
        ContextSizes sizes = ContextSizes.Of(model.Graph, model.Shape, options, model.Placement, model.Devices);
        ContextLength = sizes.ContextLength;
        (Plan, OffloadPlan) = sizes.Plan();
        ILogger logger = model.LoggerFactory.CreateLogger<Context>();
        try
        {
            CpuBackend host = CreateHost(model, options);
            _backends.Add(host);
            _backends.AddRange(model.Devices.Where(provider => Uses(provider.Device)).Select(provider => provider.Open()));
            // A second queue of the device sends weights while the first one computes.
            if (OffloadPlan is not null)
                _backends.Add(model.Devices.First(provider => provider.Device == options.Offload!.Device).Open());
            _memory = new KvMemory(LayersOf(Plan).Select(layer => (layer, BackendOf(model.Placement.KvDeviceOf(layer.Index)))), options.KvType, sizes.Capacity);
            // Rows that were never written must not reach a result.
            if (options.Validate)
                _memory.Fill(ValidationSettings.PoisonPattern);
            _runners = CreateRunners(options);
            Log(logger, watch.Elapsed);
            _engine = new InferenceEngine(_runners, _memory, logger, host.SettleCaller);
        }
        catch
        {
            _runners?.Dispose();
            _memory?.Dispose();
            DisposeBackends();
            throw;
        }
    }

    /// <summary>The model.</summary>
    public Model Model { get; }

    /// <summary>Tokens that one session may hold.</summary>
    public int ContextLength { get; }

    /// <summary>Tokens that all sessions together may hold in key/value memory.</summary>
    public int KvCapacity => _memory.Capacity;

    /// <summary>Bytes of key/value memory.</summary>
    public long KvBytes => _memory.ByteLength;

    /// <summary>The compiled plan; its text lists every step.</summary>
    public ExecutionPlan Plan { get; }

    /// <summary>The plan for batches that <see cref="ContextOptions.Offload"/> applies to, or null without such a policy.</summary>
    public ExecutionPlan? OffloadPlan { get; }

    /// <summary>Uses per expert from which <see cref="OffloadPlan"/> runs: tokens × experts used ÷ experts.</summary>
    public double OffloadThreshold => _runners.Threshold;

    internal InferenceEngine Engine => _engine;

    /// <summary>The built-in kernels, all operations on: a start for registering own kernels or switching operations off.</summary>
    public static OpRegistry CreateRegistry() => new OpRegistry().AddCpuKernels();

    /// <summary>Starts a conversation.</summary>
    public Session CreateSession()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new Session(this, new Sequence(new KvSequence(_memory), ContextLength));
    }

    /// <summary>Ends the engine and gives all memory back. Requests that still run fail with <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _engine.Dispose();
        _runners.Dispose();
        _memory.Dispose();
        DisposeBackends();
        Model.Release();
    }

    private static CpuBackend CreateHost(Model model, ContextOptions options)
    {
        ThreadCounts threads = options.ResolveThreads();
        IReadOnlyList<NumaNode> nodes = model.Interleave is null ? [] : NumaNodes.OfThisMachine;
        return new CpuBackend(threads, options.Threading.Affinity.Resolve(threads.Most, ThreadPinning.Allowed, PhysicalCores.OfThisMachine, nodes), model.Interleave);
    }

    private static List<KvLayer> LayersOf(ExecutionPlan plan) => [.. plan.Graph.Nodes.Select(node => node.Kv).OfType<KvLayer>().Distinct()];

    private ValidationSettings ValidationOf(ContextOptions options) => new(_reference = new CpuBackend(1), CreateRegistry(), options.ValidationTolerance);

    private bool Uses(Device device) => Plan.ArenaBytes.ContainsKey(device) || OffloadPlan?.ArenaBytes.ContainsKey(device) == true;

    private RunnerSet CreateRunners(ContextOptions options)
    {
        ValidationSettings? validation = options.Validate ? ValidationOf(options) : null;
        PlanRunner always = new(Plan, _backends, Model.WeightView, _memory.View, validation, options.Timer);
        try
        {
            LockOffloaded(options);
            PlanRunner? offload = OffloadPlan is null ? null : new PlanRunner(OffloadPlan, _backends, Model.WeightView, _memory.View, validation, options.Timer);
            return new RunnerSet(always, offload, OffloadPlan is null ? double.PositiveInfinity : ThresholdOf(options.Offload!));
        }
        catch
        {
            always.Dispose();
            throw;
        }
    }

    // Weights that are sent again and again, and lie in a mapped file, are locked in place where the device asks for that.
    private void LockOffloaded(ContextOptions options)
    {
        if (OffloadPlan is null)
            return;
        IBackend device = BackendOf(options.Offload!.Device);
        IEnumerable<TensorView> staged = OffloadPlan.Graph.Nodes.Where(node => node.Operation is StageExpertsOp).SelectMany(node => node.Weights).Select(weight => Model.WeightView(weight, Device.Cpu));
        _locked.AddRange(HostRanges.Of(staged).Select(range => device.LockHost(range.Address, range.Bytes)).OfType<IDisposable>());
    }

    private double ThresholdOf(OffloadPolicy policy)
    {
        if (policy.Threshold is { } set)
            return set;
        GraphNode staged = OffloadPlan!.Graph.Nodes.First(node => node.Operation is StageExpertsOp);
        KernelOptions kernels = Plan.Request.Options;
        OpRegistry registry = Plan.Request.Registry;
        ElementType type = staged.Weights[0].Type;
        (IBackend host, IBackend device) = (BackendOf(Device.Cpu), BackendOf(policy.Device));
        return OffloadPolicy.BreakEven(
            staged.Weights.Sum(weight => weight.SliceBytes),
            staged.Weights.Sum(weight => (long)weight.Width * weight.RowsPerSlice),
            _locked.Count > 0 ? SpeedProbe.LockedLink(device) : SpeedProbe.Link(device),
            SpeedProbe.MultiplyAdds(host, registry, type, kernels),
            SpeedProbe.MultiplyAdds(device, registry, type, kernels));
    }

    private IBackend BackendOf(Device device) => _backends.First(backend => backend.Device == device);

    private void DisposeBackends()
    {
        foreach (IDisposable locked in _locked)
            locked.Dispose();
        foreach (IBackend backend in _backends)
            backend.Dispose();
        _reference?.Dispose();
    }

    private void Log(ILogger logger, TimeSpan time)
    {
        logger.LogInformation(
            "context of {Tokens} tokens ready in {Milliseconds:N0} ms: {Device}, key/value memory {KvBytes:N0} bytes ({KvType}), compute memory {ArenaBytes:N0} bytes, {Steps} steps",
            ContextLength,
            time.TotalMilliseconds,
            string.Join("; ", _backends.Select(backend => backend.Description).Distinct()),
            KvBytes,
            Plan.Request.Options.KvType,
            Plan.ArenaBytes.Values.Sum(),
            Plan.Steps.Count);
        if (OffloadPlan is not null)
            logger.LogInformation("experts on the host run on {Device} from {Threshold:0.##} uses per expert on", OffloadPlan.Request.Offload, OffloadThreshold);
        foreach (string name in Plan.Request.Registry.Disabled)
            logger.LogInformation("operation {Operation} is switched off; its composed form is used", name);
    }
}
