using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cpu;

/// <summary>
/// A step of the CPU backend: one or more phases of independent items. Workers take items one by one; a barrier follows each phase.
/// What an item computes must not depend on which worker takes it. Kernels of an application for the host make steps of this kind; simulated
/// devices run them, too.
/// </summary>
public abstract class CpuStep : IStep
{
    /// <summary>Number of phases.</summary>
    public virtual int Phases => 1;

    /// <summary>Number of items of a phase in a run of a given size; 0 for none.</summary>
    public abstract int Items(int phase, in RunSize size);

    /// <summary>
    /// Whether a phase is so little work that one worker does it alone, at once after what came before, rather than all meeting at a barrier.
    /// Asked before the run, so the answer must not depend on what the run computes.
    /// </summary>
    public virtual bool IsBrief(int phase, in RunSize size) => Items(phase, size) <= 1;

    /// <summary>Computes one item.</summary>
    /// <param name="phase">The phase, from 0.</param>
    /// <param name="item">The item, from 0.</param>
    /// <param name="size">The run's size.</param>
    /// <param name="worker">The worker's number, below the number of threads: for scratch memory only.</param>
    public abstract void Run(int phase, int item, in RunSize size, int worker);
}
