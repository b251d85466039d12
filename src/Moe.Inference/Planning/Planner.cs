using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>Turns a graph into a plan: split experts, offload, assign devices and kernels, fuse, let devices find the greatest logits, insert transfers, order, group into stages, lay out memory, say what waits for what, check it all.</summary>
public static class Planner
{
    /// <summary>Makes a plan.</summary>
    /// <exception cref="PlanningException">No plan is possible; the message names operation, tensor and device.</exception>
    public static ExecutionPlan Plan(PlanRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        (ModelGraph split, IReadOnlyDictionary<int, Device> pinned) = SplitExpertsPass.Run(request.Graph, request.Placement);
        (ModelGraph graph, pinned) = OffloadPass.Run(request, split, pinned);
        PlacedGraph placed = OrderPass.Run(TransferPass.Run(request, TopLogitsPass.Run(request, FusePass.Run(request, ExpandPass.Run(request, graph, pinned)))));
        int[] stages = StagePass.Run(placed);
        (ArenaSlot[] values, ArenaSlot[] scratch, IReadOnlyDictionary<Device, long> arenas) = MemoryPass.Run(request, placed, stages);
        IReadOnlyList<int>[] waits = WaitPass.Run(placed, values, scratch);
        PlannedStep[] steps = [.. placed.Graph.Nodes.Select(node => new PlannedStep(
            node, WaitPass.QueueOf(node, placed.Devices[node.Id]).Device, placed.Kernels[node.Id], stages[node.Id], scratch[node.Id], waits[node.Id]))];
        return PlanChecker.Verify(new ExecutionPlan(request, placed.Graph, steps, values, arenas));
    }
}
