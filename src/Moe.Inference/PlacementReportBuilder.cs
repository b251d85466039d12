using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Kv;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>Plans a model and counts: makes the <see cref="PlacementReport"/>.</summary>
internal sealed class PlacementReportBuilder(ModelOutline model, DevicePlacement placement, ContextOptions options, IReadOnlyList<IDeviceProvider> devices, Repacking repacking)
{
    /// <summary>Makes the report.</summary>
    public PlacementReport Build()
    {
        (Weight Part, Device Device)[] parts = [.. WeightPlacement.Parts(model.Weights, placement)];
        foreach ((Weight part, Device device) in parts)
            RequireDevice(device, part.Name);
        ContextSizes sizes = ContextSizes.Of(model.Graph, model.Shape, options, placement, devices);
        (ExecutionPlan plan, ExecutionPlan? offload) = sizes.Plan();
        RepackingUse packed = RepackingPlan.Estimate(model.Graph, placement, repacking);
        return new PlacementReport
        {
            Model = model,
            Placement = placement,
            Plan = plan,
            OffloadPlan = offload,
            Repacked = packed,
            ContextLength = sizes.ContextLength,
            KvCapacity = sizes.Capacity,
            Devices = Count(plan, offload, sizes, parts, packed.Bytes),
            Transfers = Transfers(plan, sizes),
            GraphSplits = Splits(plan),
            Findings = PlacementChecks.Run(model, placement),
        };
    }

    private void RequireDevice(Device device, string tensor)
    {
        if (!device.IsCpu && devices.All(provider => provider.Device != device))
            throw new PlanningException("", tensor, device.ToString(), $"there is no such device; there are {string.Join(", ", devices.Select(provider => provider.Device).Prepend(Device.Cpu).Distinct())}");
    }

    private List<DeviceUse> Count(ExecutionPlan plan, ExecutionPlan? offload, ContextSizes sizes, (Weight Part, Device Device)[] parts, long packedBytes)
    {
        ILookup<Device, Weight> weights = parts.ToLookup(part => part.Device, part => part.Part);
        ILookup<Device, KvLayer> kv = plan.Graph.Nodes.Select(node => node.Kv).OfType<KvLayer>().Distinct().ToLookup(layer => placement.KvDeviceOf(layer.Index));
        IEnumerable<Device> used = new[] { Device.Cpu }.Concat(devices.Select(provider => provider.Device)).Concat(weights.Select(group => group.Key)).Concat(kv.Select(group => group.Key)).Concat(plan.ArenaBytes.Keys).Concat(offload?.ArenaBytes.Keys ?? []).Distinct();
        List<DeviceUse> result = [];
        foreach (Device device in used)
        {
            long kvBytes = kv[device].Sum(layer => KvMemory.BytesOf(layer, options.KvType, sizes.Capacity));
            long arena = plan.ArenaBytes.GetValueOrDefault(device);
            List<MemoryConsumer> consumers = [.. weights[device].GroupBy(GroupOf).Select(group => Consumer(group.Key, [.. group]))];
            if (kvBytes > 0)
                consumers.Add(new MemoryConsumer($"key/value memory of {RangeText.Layers(kv[device].Select(layer => layer.Index))}", kvBytes));
            if (arena > 0)
                consumers.Add(new MemoryConsumer("compute memory", arena));
            // Both plans keep their memory, as either may run the next batch.
            long offloadArena = offload?.ArenaBytes.GetValueOrDefault(device) ?? 0;
            if (offloadArena > 0)
                consumers.Add(new MemoryConsumer("compute memory of offloaded batches", offloadArena));
            long packed = device.IsCpu ? packedBytes : 0;
            if (packed > 0)
                consumers.Add(new MemoryConsumer("packed copies of weights", packed));
            long? capacity = devices.FirstOrDefault(provider => provider.Device == device)?.MemoryBytes;
            result.Add(new DeviceUse(device, weights[device].Sum(weight => weight.ByteLength), kvBytes, arena + offloadArena, capacity, [.. consumers.OrderByDescending(consumer => consumer.Bytes)]) { PackedBytes = packed });
        }

        return result;
    }

    // What people think of as one thing: a layer's attention, its experts, the rest of its feed-forward half; or a tensor by itself.
    private static string GroupOf(Weight weight)
    {
        if (WeightPlacement.LayerOf(weight.Name) is null)
            return weight.Name;
        return weight.Name.Contains("_exps", StringComparison.Ordinal) ? "experts" : weight.Name.Contains(".attn_", StringComparison.Ordinal) ? "attention" : "feed-forward and norms";
    }

    private MemoryConsumer Consumer(string group, Weight[] weights)
    {
        int[] layers = [.. weights.Select(weight => WeightPlacement.LayerOf(weight.Name)).OfType<int>().Distinct()];
        string where = layers.Length == 0 ? "" : $" of {RangeText.Layers(layers)}";
        int[] parts = [.. layers.Where(layer => placement.SplitOf(layer) is not null)];
        string partly = group == "experts" && parts.Length > 0 ? $" ({RangeText.Of(parts)} in part)" : "";
        return new MemoryConsumer($"{group}{where}{partly}", weights.Sum(weight => weight.ByteLength));
    }

    private static List<TransferUse> Transfers(ExecutionPlan plan, ContextSizes sizes) =>
    [
        .. plan.Steps.Select(step => step.Node).Where(node => node.Operation is TransferOp)
            .GroupBy(node => (((TransferOp)node.Operation).From, ((TransferOp)node.Operation).To))
            .Select(group => new TransferUse(
                group.Key.From,
                group.Key.To,
                group.Count(),
                group.Sum(node => node.Outputs[0].Shape.ByteLength(sizes.OneToken)),
                group.Sum(node => node.Outputs[0].Shape.ByteLength(sizes.PromptBatch))))
            .OrderBy(transfer => transfer.From.ToString(), StringComparer.Ordinal)
            .ThenBy(transfer => transfer.To.ToString(), StringComparer.Ordinal),
    ];

    private static int Splits(ExecutionPlan plan)
    {
        int splits = 0;
        Device? current = null;
        foreach (PlannedStep step in plan.Steps.Where(step => !step.IsTransfer))
        {
            if (step.Device != current)
                splits++;
            current = step.Device;
        }

        return splits;
    }
}
