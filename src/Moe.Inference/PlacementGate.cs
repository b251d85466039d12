using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Moe.Inference.Execution;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>What a placement must pass before weights are read.</summary>
internal static class PlacementGate
{
    /// <summary>Checks a placement, and logs what is odd about it.</summary>
    /// <exception cref="PlanningException">It names a device that is not there, or no plan is possible.</exception>
    /// <exception cref="PlacementException">It makes no sense.</exception>
    /// <exception cref="OutOfDeviceMemoryException">It does not fit.</exception>
    public static void Check(ModelOutline model, ModelOptions options)
    {
        DevicePlacement placement = options.Placement;
        bool onlyHost = placement is { Default.IsCpu: true, Rules.Count: 0, Splits.Count: 0 } && options.Devices.All(provider => !provider.Device.IsCpu);
        if (!options.CheckPlacement || onlyHost)
            return;
        PlacementReport report = PlacementReport.For(model, placement, options.PlannedContext, options.Devices, options.Repacking);
        ILogger logger = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger<Model>();
        foreach (PlacementFinding finding in report.Findings)
            logger.Log(finding.Severity == FindingSeverity.Note ? LogLevel.Information : LogLevel.Warning, "placement: {Finding}", finding.Message);
        if (report.Findings.Any(finding => finding.Severity == FindingSeverity.Error))
            throw new PlacementException(report);
        if (report.Devices.FirstOrDefault(device => device.FreeBytes < 0) is { } full)
            throw new OutOfDeviceMemoryException(full.Device.ToString(), full.TotalBytes, full.Capacity!.Value, full.Consumers, Suggest(report, options));
    }

    private static string? Suggest(PlacementReport report, ModelOptions options)
    {
        string context = options.PlannedContext is null
            ? $"{nameof(ModelOptions)}.{nameof(ModelOptions.PlannedContext)} was not given, so a context of {report.ContextLength:N0} tokens was planned for"
            : $"Planned for a context of {report.ContextLength:N0} tokens";
        IDeviceProvider[] gpus = [.. options.Devices.Where(provider => !provider.Device.IsCpu && provider.MemoryBytes is not null)];
        if (gpus.Length == 0)
            return context;
        DevicePlacement start = DevicePlacement.Cpu.WithKvOnHost(report.Placement.KvOnHost);
        PlacementReport fitting = PlacementReport.For(report.Model, PlacementPlanner.FitTo(report.Model, gpus, options.PlannedContext, start), options.PlannedContext, options.Devices);
        IEnumerable<string> uses = fitting.Devices.Where(device => device.TotalBytes > 0).Select(device => $"{device.Device} {ByteCount.Text(device.TotalBytes)}");
        return $"{nameof(PlacementPlanner)}.{nameof(PlacementPlanner.FitTo)} would fit ({string.Join(", ", uses)}). {context}";
    }
}
