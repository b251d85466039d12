using Moe.Inference.Execution;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>
/// Finds placements that fit. The most useful tensors go to the GPUs first: attention, norms, routers, shared and dense networks with their
/// key/value memory, for all layers or else for the last ones; then the output; then experts, the last layers of each GPU first, and of one more
/// layer as many experts as there is room for. A GPU has consecutive layers, in the order of the GPUs; no more GPUs are used than needed.
/// </summary>
public static class PlacementPlanner
{
    /// <summary>Finds a placement that fits. Compute memory is planned for, so that the result fits to the byte.</summary>
    /// <param name="model">The model.</param>
    /// <param name="devices">The GPUs in the order of their layers, each with a known <see cref="IDeviceProvider.MemoryBytes"/>: what may be used of it. The host is never short of memory here.</param>
    /// <param name="options">The context that will be made; null for defaults.</param>
    /// <param name="start">What is decided already: its overrides, its splits and whether key/value memory stays on the host are kept; null for nothing.</param>
    /// <param name="splitExperts">Whether the experts of one layer may be spread over a GPU and the host.</param>
    /// <exception cref="ArgumentException">A device does not tell how much memory it has, or comes twice.</exception>
    /// <exception cref="PlanningException">No plan is possible, or what is decided already names a device that is not there.</exception>
    public static DevicePlacement FitTo(ModelOutline model, IReadOnlyList<IDeviceProvider> devices, ContextOptions? options = null, DevicePlacement? start = null, bool splitExperts = true)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(devices);
        IDeviceProvider[] gpus = [.. devices.Where(provider => !provider.Device.IsCpu)];
        if (gpus.FirstOrDefault(provider => provider.MemoryBytes is null) is { } silent)
            throw new ArgumentException($"{silent.Device} does not tell how much memory it has", nameof(devices));
        if (gpus.Select(provider => provider.Device).Distinct().Count() != gpus.Length)
            throw new ArgumentException("a device comes twice", nameof(devices));
        start ??= DevicePlacement.Cpu;
        options ??= new ContextOptions();
        PlacementFit fit = new(model, start, ContextSizes.Of(model.Graph, model.Shape, options, start, devices), splitExperts);

        // Compute memory depends on the placement, and the placement on what compute memory leaves: what did not fit is reserved for the next try.
        Dictionary<Device, long> reserved = gpus.ToDictionary(provider => provider.Device, _ => 0L);
        while (true)
        {
            DevicePlacement placement = fit.Within([.. gpus.Select(provider => (provider.Device, provider.MemoryBytes!.Value - reserved[provider.Device]))]);
            PlacementReport report = PlacementReport.For(model, placement, options, devices);
            DeviceUse[] over = [.. report.Devices.Where(device => !device.Device.IsCpu && device.FreeBytes < 0 && fit.IsMovable(device.Device))];
            if (over.Length == 0)
                return placement;
            foreach (DeviceUse device in over)
                reserved[device.Device] = Math.Max(reserved[device.Device] - device.FreeBytes!.Value, device.ComputeBytes);
        }
    }
}
