using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution.Validation;

/// <summary>
/// Runs a plan step by step: waits for each, looks at the guards around what it wrote, fills unwritten memory with NaN beforehand, and
/// computes it again on the reference backend from the same inputs. The first step that is wrong is named.
/// </summary>
internal sealed class StepValidator(PlanMemory memory, ValidationSettings settings)
{
    /// <summary>An action that runs and checks one step.</summary>
    public IRunnerAction Wrap(PlannedStep step, IRunnerAction action) => new Checked(this, step, action);

    /// <summary>An action that sends weights to room that held nothing before.</summary>
    public IRunnerAction WrapPrefetch(PlannedStep step, PrefetchExpertsAction action) => new CheckedPrefetch(this, step, action);

    /// <summary>An action that sends weights, and looks whether the chosen experts' have arrived.</summary>
    public IRunnerAction WrapStaging(PlannedStep step, StageExpertsAction action, ExpertRoom room) => new CheckedStaging(this, step, action, room);

    private unsafe void RunStaging(PlannedStep step, StageExpertsAction action, ExpertRoom room, RunSize size, CancellationToken cancellation)
    {
        GraphNode node = step.Node;
        action.Run(size, cancellation);
        memory.Queues(step.Queue).Synchronize();
        byte[] staged = memory.Read(node.Inputs[1], size);
        long[] offsets = StageExpertsOp.Offsets(node.Weights);
        ReadOnlySpan<int> uses = room.Uses;
        for (int expert = 0; expert < uses.Length; expert++)
        {
            for (int i = 0; uses[expert] > 0 && i < node.Weights.Count; i++)
            {
                Weight one = node.Weights[i].Part(expert, 1);
                ReadOnlySpan<byte> host = new((byte*)memory.Weights(one, Device.Cpu).Address, (int)one.ByteLength);
                if (!staged.AsSpan((int)offsets[i] + (expert * host.Length), host.Length).SequenceEqual(host))
                    Report(step, $"expert {expert} of '{one.Name}' did not arrive whole");
            }
        }
    }

    private void Run(PlannedStep step, IRunnerAction action, RunSize size, CancellationToken cancellation)
    {
        IBackend backend = memory.Backends(step.Device);
        Guards guards = new(backend, memory.Arenas(step.Device));
        ArenaSlot[] written = [.. Written(step).Select(piece => piece.Slot)];
        foreach (ArenaSlot slot in written)
        {
            guards.Set(slot);
            Poison(backend, slot);
        }

        using ReferenceRun? reference = step.IsTransfer ? null : ReferenceRun.Prepare(step, memory, settings, size);
        action.Run(size, cancellation);
        backend.Synchronize();
        foreach ((ArenaSlot slot, string name) in Written(step))
            Report(step, guards.Check(slot, name));
        if (step.IsTransfer)
            Report(step, CompareTransfer(step, size));
        else
            Report(step, reference!.Compare());
    }

    // A transfer's target may be on the host while its carrier is not; guards and poison are for memory of the step's own device.
    private IEnumerable<(ArenaSlot Slot, string Name)> Written(PlannedStep step)
    {
        foreach (GraphValue output in step.Node.Outputs)
        {
            if (memory.Plan.Values[output.Id].Device == step.Device)
                yield return (memory.Plan.Values[output.Id], $"'{output.Name}'");
        }

        if (step.Scratch.Bytes > 0)
            yield return (step.Scratch, "the scratch memory");
    }

    private IBackend BackendOf(PlannedStep step) => memory.Queues(step.Queue);

    private ArenaSlot PlaceOf(GraphValue value) => memory.Plan.Values[value.Id];

    private void Poison(IBackend backend, ArenaSlot slot)
    {
        byte[] poison = new byte[slot.Bytes];
        poison.AsSpan().Fill(ValidationSettings.PoisonPattern);
        backend.Write(memory.Arenas(slot.Device), slot.Offset, poison);
    }

    private string? CompareTransfer(PlannedStep step, RunSize size)
    {
        (GraphValue source, GraphValue target) = (step.Node.Inputs[0], step.Node.Outputs[0]);
        return Comparison.Find(memory.Read(target, size), memory.Read(source, size), target.Shape.Type, target.Width, 0);
    }

    private static void Report(PlannedStep step, string? finding)
    {
        if (finding is not null)
            throw new ValidationException(step.Node.Id, step.Node.Operation.Name, step.Node.Label, step.Device.ToString(), finding);
    }

    private sealed class CheckedPrefetch(StepValidator validator, PlannedStep step, PrefetchExpertsAction action) : IRunnerAction
    {
        public void Run(RunSize size, CancellationToken cancellation)
        {
            validator.Poison(validator.BackendOf(step), validator.PlaceOf(step.Node.Outputs[0]));
            action.Run(size, cancellation);
        }
    }

    private sealed class CheckedStaging(StepValidator validator, PlannedStep step, StageExpertsAction action, ExpertRoom room) : IRunnerAction
    {
        public void Run(RunSize size, CancellationToken cancellation) => validator.RunStaging(step, action, room, size, cancellation);
    }

    private sealed class Checked(StepValidator validator, PlannedStep step, IRunnerAction action) : IRunnerAction
    {
        public void Run(RunSize size, CancellationToken cancellation) => validator.Run(step, action, size, cancellation);
    }
}
