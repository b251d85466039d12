using Moe.Inference.Execution;
using Moe.Inference.Graph;

namespace Moe.Inference.Engine;

/// <summary>The plans that a context has made ready, and which of them runs a batch. All have the same limits and results.</summary>
internal interface IRunnerChoice
{
    /// <summary>The largest run.</summary>
    RunSize Limits { get; }

    /// <summary>The plan for a batch.</summary>
    PlanRunner Choose(RunSize size);
}
