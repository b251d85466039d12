using System.Globalization;
using System.Text;
using Moe.Inference.Architectures;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>A <see cref="PlacementReport"/> as text.</summary>
internal static class PlacementReportText
{
    private const string Unknown = "-";

    public static string Of(PlacementReport report)
    {
        StringBuilder text = new();
        AddModel(text, report);
        text.Append('\n');
        AddDevices(text, report);
        AddRepacking(text, report.Repacked);
        foreach (DeviceUse device in report.Devices.Where(device => device.Consumers.Count > 0))
            AddConsumers(text, device);
        text.Append('\n');
        AddTransfers(text, report);
        bool clean = report.Fits && report.Findings.Count == 0;
        text.Append(clean ? "" : "\n");
        foreach (DeviceUse device in report.Devices.Where(device => device.FreeBytes < 0))
            text.Append(CultureInfo.InvariantCulture, $"error: {device.Device} lacks {ByteCount.Text(-device.FreeBytes!.Value)}\n");
        foreach (PlacementFinding finding in report.Findings)
            text.Append(CultureInfo.InvariantCulture, $"{finding.Severity.ToString().ToLowerInvariant()}: {finding.Message}\n");
        return text.ToString();
    }

    private static void AddModel(StringBuilder text, PlacementReport report)
    {
        Hyperparameters shape = report.Model.Shape;
        string experts = shape.Experts == 0 ? "" : $", {shape.Experts} experts ({shape.ExpertsUsed} used)";
        text.Append(CultureInfo.InvariantCulture, $"{report.Model.Name}: {shape.Architecture}, {shape.Layers} layers{experts}, {ByteCount.Text(report.Model.WeightBytes)} of weights\n");
        text.Append(CultureInfo.InvariantCulture, $"context of {report.ContextLength:N0} tokens, {report.KvCapacity:N0} in key/value memory ({report.Plan.Request.Options.KvType}), batches of {report.Plan.Request.Limits.Tokens:N0}\n");
    }

    private static void AddDevices(StringBuilder text, PlacementReport report)
    {
        text.Append(CultureInfo.InvariantCulture, $"{"device",-8}{"weights",12}{"key/value",12}{"compute",12}{"total",12}{"capacity",12}{"free",12}\n");
        foreach (DeviceUse device in report.Devices)
        {
            string[] columns = [Text(device.WeightBytes), Text(device.KvBytes), Text(device.ComputeBytes), Text(device.TotalBytes), Text(device.Capacity), Text(device.FreeBytes)];
            text.Append(CultureInfo.InvariantCulture, $"{device.Device,-8}{string.Concat(columns.Select(column => column.PadLeft(12)))}\n");
        }
    }

    private static void AddRepacking(StringBuilder text, RepackingUse repacking)
    {
        string when = repacking.Policy == Repacking.AtLoad ? "made at load" : "at the most, made when first used";
        if (repacking.Policy != Repacking.Off)
            text.Append(CultureInfo.InvariantCulture, $"\nrepacking: {ByteCount.Text(repacking.Bytes)} of copies {when}, about {repacking.Time.TotalSeconds:F1} s\n");
    }

    private static void AddConsumers(StringBuilder text, DeviceUse device)
    {
        text.Append(CultureInfo.InvariantCulture, $"\n{device.Device} holds\n");
        foreach (MemoryConsumer consumer in device.Consumers)
            text.Append(CultureInfo.InvariantCulture, $"{Text(consumer.Bytes),12}  {consumer.Name}\n");
    }

    private static void AddTransfers(StringBuilder text, PlacementReport report)
    {
        text.Append(CultureInfo.InvariantCulture, $"{report.Plan.Steps.Count(step => !step.IsTransfer):N0} steps in {report.GraphSplits} graph {(report.GraphSplits == 1 ? "split" : "splits")}, {report.Transfers.Sum(transfer => transfer.Count)} transfers\n");
        if (report.Transfers.Count == 0)
            return;
        text.Append(CultureInfo.InvariantCulture, $"{"from",-8}{"to",-8}{"transfers",12}{"per token",12}{"per batch",12}\n");
        foreach (TransferUse transfer in report.Transfers)
            text.Append(CultureInfo.InvariantCulture, $"{transfer.From,-8}{transfer.To,-8}{transfer.Count,12}{Text(transfer.BytesPerToken),12}{Text(transfer.BytesPerBatch),12}\n");
    }

    private static string Text(long? bytes) => bytes is { } known ? ByteCount.Text(known) : Unknown;
}
