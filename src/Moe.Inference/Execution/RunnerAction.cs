using System.Numerics;
using Moe.Inference.Graph;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>One thing that a runner hands to a backend.</summary>
internal interface IRunnerAction
{
    /// <summary>Enqueues it.</summary>
    void Run(RunSize size, CancellationToken cancellation);
}

/// <summary>Steps that follow each other on one device.</summary>
internal sealed class ComputeAction(IBackend backend, IDeviceProgram program) : IRunnerAction
{
    public void Run(RunSize size, CancellationToken cancellation) => backend.Enqueue(program, size, cancellation);
}

/// <summary>A transfer.</summary>
/// <remarks>
/// Page tables grow from run to run. Their number of entries is rounded up, as far as there is room, so that a device that keeps what comes
/// back run after run finds it again; nobody reads what lies behind.
/// </remarks>
internal sealed class TransferAction(IBackend carrier, PlannedStep step, ValueShape shape, RunSize limits, (DeviceBuffer Buffer, long Offset) source, (DeviceBuffer Buffer, long Offset) target)
    : IRunnerAction
{
    private const uint LeastPages = 256;

    public void Run(RunSize size, CancellationToken cancellation)
    {
        RunSize rounded = !carrier.RepeatsRuns ? size : size with { Pages = (int)Math.Min(limits.Pages, Math.Max(LeastPages, BitOperations.RoundUpToPowerOf2((uint)size.Pages))) };
        carrier.EnqueueTransfer(step, source.Buffer, source.Offset, target.Buffer, target.Offset, shape.ByteLength(rounded));
    }
}

/// <summary>An event happens when what was enqueued before is done.</summary>
internal sealed class RecordAction(IBackend backend, IDeviceEvent recorded) : IRunnerAction
{
    public void Run(RunSize size, CancellationToken cancellation) => backend.Record(recorded);
}

/// <summary>A queue waits for a step of another queue.</summary>
internal sealed class WaitAction(IBackend waiter, IDeviceEvent awaited) : IRunnerAction
{
    public void Run(RunSize size, CancellationToken cancellation) => waiter.Wait(awaited);
}
