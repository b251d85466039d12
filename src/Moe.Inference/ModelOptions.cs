using Microsoft.Extensions.Logging;
using Moe.Inference.Execution;
using Moe.Inference.Placement;

namespace Moe.Inference;

/// <summary>How a model's file is brought into memory.</summary>
public enum WeightLoading
{
    /// <summary>The file is mapped: nothing is copied, pages come in as they are used, and processes share them.</summary>
    Map,

    /// <summary>The file is read into memory of its own: slower to load, independent of the file afterwards.</summary>
    Read,
}

/// <summary>How to load a model.</summary>
public sealed record ModelOptions
{
    /// <summary>How the file is brought into memory.</summary>
    public WeightLoading Loading { get; init; } = WeightLoading.Map;

    /// <summary>Where tensors live.</summary>
    public DevicePlacement Placement { get; init; } = DevicePlacement.Cpu;

    /// <summary>Devices beside the host that the placement may name.</summary>
    public IReadOnlyList<IDeviceProvider> Devices { get; init; } = [];

    /// <summary>Where to log what was chosen and why; null for nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }
}
