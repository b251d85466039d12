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

    /// <summary>Where the host's memory lies on a machine with several memory nodes: weights, and what contexts of the model allocate.</summary>
    public NumaPolicy Numa { get; init; }

    /// <summary>Whether weights that the host computes get a copy in an order that makes prompts, and several sessions at once, faster.</summary>
    public Repacking Repacking { get; init; }

    /// <summary>Where tensors live.</summary>
    public DevicePlacement Placement { get; init; } = DevicePlacement.Cpu;

    /// <summary>Devices beside the host that the placement may name.</summary>
    public IReadOnlyList<IDeviceProvider> Devices { get; init; } = [];

    /// <summary>
    /// The context that will be made, for the check of the placement before anything is loaded: whether weights, key/value memory and compute
    /// memory fit the devices, and whether there are kernels, own ones among them. Null for the defaults of <see cref="ContextOptions"/>.
    /// </summary>
    public ContextOptions? PlannedContext { get; init; }

    /// <summary>Whether to refuse, before anything is loaded, placements that do not fit or make no sense. Off, only what cannot be planned is refused.</summary>
    public bool CheckPlacement { get; init; } = true;

    /// <summary>Where to log what was chosen and why; null for nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }
}
