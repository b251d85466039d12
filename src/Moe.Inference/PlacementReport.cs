using Moe.Inference.Execution;
using Moe.Inference.Gguf;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>What one device would hold.</summary>
/// <param name="Device">The device.</param>
/// <param name="WeightBytes">Bytes of weights; on the host those that stay there, although its file is mapped as a whole.</param>
/// <param name="KvBytes">Bytes of key/value memory.</param>
/// <param name="ComputeBytes">Bytes of its arena.</param>
/// <param name="Capacity">Bytes of its memory, or null where that is unknown.</param>
/// <param name="Consumers">What needs the memory, largest first; adds up to <see cref="TotalBytes"/>.</param>
public sealed record DeviceUse(Device Device, long WeightBytes, long KvBytes, long ComputeBytes, long? Capacity, IReadOnlyList<MemoryConsumer> Consumers)
{
    /// <summary>All of it.</summary>
    public long TotalBytes => checked(WeightBytes + PackedBytes + KvBytes + ComputeBytes);

    /// <summary>Bytes of packed copies of weights; for <see cref="Repacking.Lazy"/> the most there can be.</summary>
    public long PackedBytes { get; init; }

    /// <summary>Bytes left, negative if it does not fit; null where the capacity is unknown.</summary>
    public long? FreeBytes => Capacity - TotalBytes;
}

/// <summary>What goes from one device to another in a run.</summary>
/// <param name="From">The source; it or <paramref name="To"/> is the host.</param>
/// <param name="To">The target.</param>
/// <param name="Count">Transfers in a run.</param>
/// <param name="BytesPerToken">Bytes for one generated token at the end of a full context.</param>
/// <param name="BytesPerBatch">Bytes for a full batch of a prompt.</param>
public sealed record TransferUse(Device From, Device To, int Count, long BytesPerToken, long BytesPerBatch);

/// <summary>
/// What a placement would take and do, said before any weight is read: bytes of each device, transfers, and what is odd. Sizes are those that a
/// context then allocates, to the byte. <see cref="ToString"/> is for people.
/// </summary>
public sealed record PlacementReport
{
    /// <summary>The model.</summary>
    public required ModelOutline Model { get; init; }

    /// <summary>The placement.</summary>
    public required DevicePlacement Placement { get; init; }

    /// <summary>The plan; its text lists every step.</summary>
    public required ExecutionPlan Plan { get; init; }

    /// <summary>The plan for batches that an offload policy applies to, or null without one.</summary>
    public ExecutionPlan? OffloadPlan { get; init; }

    /// <summary>What repacking takes; the time is an estimate.</summary>
    public RepackingUse Repacked { get; init; }

    /// <summary>Tokens that one session may hold.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Tokens that all sessions together may hold.</summary>
    public required int KvCapacity { get; init; }

    /// <summary>Devices that hold anything or have a known capacity, the host first.</summary>
    public required IReadOnlyList<DeviceUse> Devices { get; init; }

    /// <summary>Transfers, by source and target.</summary>
    public required IReadOnlyList<TransferUse> Transfers { get; init; }

    /// <summary>Runs of steps without a change of device, as llama.cpp counts graph splits.</summary>
    public required int GraphSplits { get; init; }

    /// <summary>What is wrong or odd, errors first.</summary>
    public required IReadOnlyList<PlacementFinding> Findings { get; init; }

    /// <summary>Whether every device has room for its part.</summary>
    public bool Fits => Devices.All(device => device.FreeBytes is null or >= 0);

    /// <summary>Whether nothing speaks against loading the model so: it fits, and no finding is an error.</summary>
    public bool IsSound => Fits && Findings.All(finding => finding.Severity != FindingSeverity.Error);

    /// <summary>Reports on a model file; only its headers are read.</summary>
    /// <param name="path">A GGUF file, or any part of a split one.</param>
    /// <param name="placement">Where its tensors would live.</param>
    /// <param name="options">The context that would be made; null for defaults.</param>
    /// <param name="devices">The devices beside the host; <see cref="PlannedDevice"/> stands for one that is not here.</param>
    /// <param name="repacking">Whether weights would be repacked.</param>
    /// <inheritdoc cref="For(ModelOutline, DevicePlacement, ContextOptions?, IReadOnlyList{IDeviceProvider}?, Repacking)"/>
    public static PlacementReport For(string path, DevicePlacement placement, ContextOptions? options = null, IReadOnlyList<IDeviceProvider>? devices = null, Repacking repacking = Repacking.Off) =>
        For(ModelOutline.Read(path), placement, options, devices, repacking);

    /// <summary>Reports on an open model file; only its headers are used.</summary>
    /// <param name="file">The file.</param>
    /// <param name="placement">Where its tensors would live.</param>
    /// <param name="options">The context that would be made; null for defaults.</param>
    /// <param name="devices">The devices beside the host; <see cref="PlannedDevice"/> stands for one that is not here.</param>
    /// <param name="repacking">Whether weights would be repacked.</param>
    /// <inheritdoc cref="For(ModelOutline, DevicePlacement, ContextOptions?, IReadOnlyList{IDeviceProvider}?, Repacking)"/>
    public static PlacementReport For(GgufFile file, DevicePlacement placement, ContextOptions? options = null, IReadOnlyList<IDeviceProvider>? devices = null, Repacking repacking = Repacking.Off)
    {
        ArgumentNullException.ThrowIfNull(file);
        return For(ModelOutline.Read(file), placement, options, devices, repacking);
    }

    /// <summary>Reports on a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="placement">Where its tensors would live.</param>
    /// <param name="options">The context that would be made; null for defaults.</param>
    /// <param name="devices">The devices beside the host; <see cref="PlannedDevice"/> stands for one that is not here.</param>
    /// <param name="repacking">Whether weights would be repacked.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range; the message names it.</exception>
    /// <exception cref="PlanningException">The placement names a device that is not there, or no plan is possible.</exception>
    public static PlacementReport For(ModelOutline model, DevicePlacement placement, ContextOptions? options = null, IReadOnlyList<IDeviceProvider>? devices = null, Repacking repacking = Repacking.Off)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(placement);
        return new PlacementReportBuilder(model, placement, options ?? new ContextOptions(), devices ?? [], repacking).Build();
    }

    /// <summary>The report for people: a table of devices, what they hold, transfers, findings.</summary>
    public override string ToString() => PlacementReportText.Of(this);
}
