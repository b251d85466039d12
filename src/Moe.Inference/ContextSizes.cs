using Moe.Inference.Architectures;
using Moe.Inference.Execution;
using Moe.Inference.Execution.Validation;
using Moe.Inference.Graph;
using Moe.Inference.Kv;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>What a context's options come to for a model: the plan to make and the sizes of memory.</summary>
/// <param name="ContextLength">Tokens that one session may hold.</param>
/// <param name="Capacity">Tokens that all sessions together may hold.</param>
/// <param name="Request">What to plan.</param>
/// <param name="Offload">The device that experts on the host may be sent to, or null.</param>
internal sealed record ContextSizes(int ContextLength, int Capacity, PlanRequest Request, Device? Offload)
{
    // Logits of many rows over a large vocabulary would dwarf all other memory; longer evaluations take several runs.
    private const long MostLogitBytes = 64L << 20;

    /// <summary>One token generated with a full context, the most a token takes.</summary>
    public RunSize OneToken => new(1, 1, KvMemory.PageCount(ContextLength), ContextLength);

    /// <summary>A full batch of one prompt, whose last logits are wanted.</summary>
    public RunSize PromptBatch => OneToken with { Tokens = Request.Limits.Tokens };

    /// <summary>Works them out.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range; the message names it.</exception>
    public static ContextSizes Of(ModelGraph graph, Hyperparameters shape, ContextOptions options, DevicePlacement placement, IReadOnlyList<IDeviceProvider> devices)
    {
        options.Check();
        int length = options.ResolveContextLength(shape.ContextLength);
        int capacity = options.KvCapacity ?? length;
        OpRegistry registry = (options.Operations ?? Context.CreateRegistry()).Copy();
        foreach (IDeviceProvider provider in devices)
        {
            OpRegistry kernels = new();
            provider.RegisterKernels(kernels);
            registry.RegisterMissing(kernels);
        }

        int tokens = Math.Min(options.MicroBatch, KvMemory.PageCount(capacity) * KvMemory.PageLength);
        int outputs = (int)Math.Clamp(MostLogitBytes / ((long)graph.Logits.Width * sizeof(float)), 1, tokens);
        // Sequences of a batch may share pages, so the tables together may name more pages than there are.
        RunSize limits = new(tokens, outputs, checked(tokens * KvMemory.PageCount(length)), length);
        KernelOptions kernelOptions = new(options.ResolveThreads().Most, options.Exact, options.KvType);
        return new ContextSizes(length, capacity, new PlanRequest(graph, limits, registry, placement, kernelOptions, options.Validate ? ValidationSettings.GuardBytes : 0, Peers: PeersOf(devices)), options.Offload?.Device);
    }

    private static PeerLinks PeersOf(IReadOnlyList<IDeviceProvider> devices) => new(
        from target in devices
        from source in devices
        where source.Device != target.Device && !source.Device.IsCpu && !target.Device.IsCpu && target.CanCopyFrom(source.Device)
        select (source.Device, target.Device));

    /// <summary>Makes the plan for every batch and, with an offload policy, the one for batches that it applies to.</summary>
    /// <exception cref="PlanningException">No plan is possible, or the policy would have no effect.</exception>
    public (ExecutionPlan Always, ExecutionPlan? Offload) Plan()
    {
        ExecutionPlan always = Planner.Plan(Request);
        if (Offload is not { } device)
            return (always, null);
        ExecutionPlan offload = Planner.Plan(Request with { Offload = device });
        return offload.Steps.Any(step => step.IsStaging)
            ? (always, offload)
            : throw new PlanningException(FusedMoeOp.OpName, "the offload policy", device.ToString(), "it would have no effect: there are no experts on the host whose fused operation has a kernel there and is switched on");
    }
}
