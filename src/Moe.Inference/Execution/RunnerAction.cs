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
internal sealed class TransferAction(IBackend carrier, PlannedStep step, ValueShape shape, (DeviceBuffer Buffer, long Offset) source, (DeviceBuffer Buffer, long Offset) target)
    : IRunnerAction
{
    public void Run(RunSize size, CancellationToken cancellation) =>
        carrier.EnqueueTransfer(step, source.Buffer, source.Offset, target.Buffer, target.Offset, shape.ByteLength(size));
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
