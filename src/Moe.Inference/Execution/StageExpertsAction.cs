using Moe.Inference.Graph;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>Enqueues the copies of a batch's chosen experts: ids are read on the host, which has waited for them.</summary>
/// <param name="carrier">The device that the weights go to.</param>
/// <param name="step">The step.</param>
/// <param name="ids">The chosen experts, on the host.</param>
/// <param name="weights">The tensors on the host.</param>
/// <param name="target">Where the staging memory lies.</param>
/// <param name="offsets">Where each tensor begins in it.</param>
internal sealed unsafe class StageExpertsAction(IBackend carrier, PlannedStep step, TensorView ids, IReadOnlyList<TensorView> weights, (DeviceBuffer Buffer, long Offset) target, long[] offsets)
    : IRunnerAction
{
    private readonly bool[] _chosen = new bool[step.Node.Weights[0].Slices];

    public void Run(RunSize size, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        Mark(size);
        for (int first = Array.IndexOf(_chosen, true); first >= 0;)
        {
            // Neighbours go in one copy.
            int end = Array.IndexOf(_chosen, false, first);
            end = end < 0 ? _chosen.Length : end;
            for (int i = 0; i < weights.Count; i++)
            {
                long slice = step.Node.Weights[i].SliceBytes;
                carrier.EnqueueTransfer(step, weights[i].Buffer, weights[i].Offset + (first * slice), target.Buffer, target.Offset + offsets[i] + (first * slice), (end - first) * slice);
            }

            first = end == _chosen.Length ? -1 : Array.IndexOf(_chosen, true, end);
        }
    }

    /// <summary>Which experts a run of a given size has chosen.</summary>
    public ReadOnlySpan<bool> Mark(RunSize size)
    {
        Array.Clear(_chosen);
        foreach (int id in new ReadOnlySpan<int>((int*)ids.Address, size.Tokens * ids.Width))
            _chosen[id] = true;
        return _chosen;
    }
}
