using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>Enqueues the copies of the experts that a batch is likely to choose.</summary>
/// <param name="step">The step.</param>
/// <param name="room">Where they go.</param>
internal sealed class PrefetchExpertsAction(PlannedStep step, ExpertRoom room) : IRunnerAction
{
    public void Run(RunSize size, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        room.SendLikely(step, ((PrefetchExpertsOp)step.Node.Operation).Rows.Resolve(size));
    }
}

/// <summary>Enqueues the copies of a batch's chosen experts that are missing: ids are read on the host, which has waited for them.</summary>
/// <param name="step">The step.</param>
/// <param name="room">Where they go.</param>
/// <param name="ids">The chosen experts, on the host.</param>
internal sealed unsafe class StageExpertsAction(PlannedStep step, ExpertRoom room, TensorView ids) : IRunnerAction
{
    public void Run(RunSize size, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        int tokens = step.Node.Inputs[0].Rows.Resolve(size);
        room.SendMissing(step, new ReadOnlySpan<int>((int*)ids.Address, tokens * ids.Width), tokens);
    }
}
