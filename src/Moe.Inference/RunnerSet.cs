using Moe.Inference.Engine;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Placement;

namespace Moe.Inference;

/// <summary>A context's plans: one for every batch, and, with an offload policy, one for batches so large that sending experts' weights pays.</summary>
internal sealed class RunnerSet(PlanRunner always, PlanRunner? offload, double threshold) : IRunnerChoice, IDisposable
{
    private readonly (int Used, int Experts) _shape = ExpertsOf(always.Plan.Request.Graph);

    public RunSize Limits => always.Plan.Request.Limits;

    /// <summary>Uses per expert from which the second plan runs.</summary>
    public double Threshold => threshold;

    public PlanRunner Choose(RunSize size) =>
        offload is not null && OffloadPolicy.Pays(threshold, size.Tokens, _shape.Used, _shape.Experts) ? offload : always;

    public void Dispose()
    {
        always.Dispose();
        offload?.Dispose();
    }

    private static (int Used, int Experts) ExpertsOf(ModelGraph graph) =>
        graph.Nodes.FirstOrDefault(node => node.Operation is FusedMoeOp) is { } node ? (((FusedMoeOp)node.Operation).Used, node.Weights[0].Slices) : (0, 1);
}
