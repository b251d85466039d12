using System.Diagnostics;
using Moe.Inference.Cpu;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Cpu.Threading;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>Which weights repacking copies, and what that takes.</summary>
internal static class RepackingPlan
{
    // Enough that memory is touched for the first time, as it is in earnest.
    private const long ProbeBytes = 8 << 20;

    /// <summary>Tensors, or parts of them, on the host that are multiplied with all tokens of a batch and have a packed form here.</summary>
    public static IEnumerable<(Weight Part, PackedKernel Kernel)> PartsOf(ModelGraph graph, DevicePlacement placement)
    {
        IEnumerable<Weight> multiplied = graph.Nodes.Where(node => node.Inputs.Count > 0 && node.Inputs[0].Rows == RowCount.Tokens).SelectMany(MultipliedBy);
        foreach ((Weight part, Device device) in WeightPlacement.Parts(multiplied, placement))
        {
            if (device.IsCpu && PackedWeights.KernelFor(part.Type, part.RowsPerSlice) is { } kernel)
                yield return (part, kernel);
        }
    }

    /// <summary>What a policy will take.</summary>
    public static RepackingUse Estimate(ModelGraph graph, DevicePlacement placement, Repacking policy)
    {
        if (policy == Repacking.Off)
            return default;
        (Weight Part, PackedKernel Kernel)[] parts = [.. PartsOf(graph, placement)];
        double seconds = parts.GroupBy(item => (item.Kernel, item.Part.RowBytes)).Sum(group => group.Sum(item => (double)item.Part.ByteLength) / BytesPerSecond(group.Key.Kernel, group.Key.RowBytes));
        return new RepackingUse(policy, parts.Sum(item => item.Part.ByteLength), TimeSpan.FromSeconds(seconds / PhysicalCores.Usable));
    }

    private static IEnumerable<Weight> MultipliedBy(GraphNode node) => node.Operation switch
    {
        MatMulOp or ExpertMatMulOp => node.Weights.Take(1),
        FusedMoeOp => node.Weights,
        _ => [],
    };

    // Of one thread.
    private static unsafe double BytesPerSecond(PackedKernel kernel, long rowBytes)
    {
        long groupBytes = rowBytes * kernel.GroupRows, groups = Math.Max(1, ProbeBytes / groupBytes);
        using HostBuffer source = new(groupBytes, "packing probe"), target = new(groupBytes * groups, "packing probe");
        new Span<byte>((void*)source.Address, checked((int)groupBytes)).Clear();
        kernel.Pack((byte*)source.Address, rowBytes, (byte*)target.Address);
        long start = Stopwatch.GetTimestamp();
        for (long group = 0; group < groups; group++)
            kernel.Pack((byte*)source.Address, rowBytes, (byte*)target.Address + (group * groupBytes));
        return groups * groupBytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
