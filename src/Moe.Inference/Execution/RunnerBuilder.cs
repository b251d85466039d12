using Moe.Inference.Execution.Validation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>Binds a plan's steps to memory and groups them: programs of steps that follow each other on one device, transfers, waits.</summary>
internal sealed class RunnerBuilder(PlanMemory memory, ValidationSettings? validation, StepTimer? timer)
{
    private readonly StepValidator? _validator = validation is null ? null : new StepValidator(memory, validation);
    private readonly HashSet<int> _awaited = [.. memory.Plan.Steps.SelectMany(step => step.Waits)];
    private readonly Dictionary<int, IDeviceEvent> _events = [];
    private readonly Dictionary<GraphValue, ExpertRoom> _rooms = [];
    private readonly List<PlannedStep> _group = [];

    /// <summary>Makes the actions of a run.</summary>
    /// <param name="actions">Where they go, in order.</param>
    /// <param name="owned">Where programs and events go, to be disposed with the runner.</param>
    public void Build(List<IRunnerAction> actions, List<IDisposable> owned)
    {
        foreach (PlannedStep step in memory.Plan.Steps)
        {
            // A step that is to be checked or timed must be alone.
            bool joins = validation is null && timer is null && step.Kernel is not null && step.Waits.Count == 0 && _group.Count > 0 && _group[0].Device == step.Device;
            if (!joins)
                Close(actions, owned);
            foreach (int wait in step.Waits)
                actions.Add(new WaitAction(memory.Queues(memory.Plan.WaiterOf(step, wait)), _events[wait]));
            if (step.IsTransfer)
                actions.Add(Check(step, Transfer(step)));
            else if (step.IsStaging)
                actions.Add(Staging(step));
            else
                _group.Add(step);
            if (!_awaited.Contains(step.Node.Id))
                continue;
            Close(actions, owned);
            IDeviceEvent done = memory.Queues(step.Queue).CreateEvent();
            owned.Add(done);
            _events.Add(step.Node.Id, done);
            actions.Add(new RecordAction(memory.Queues(step.Queue), done));
        }

        Close(actions, owned);
    }

    private KernelBinding Bind(PlannedStep step)
    {
        Device device = step.Device;
        return new KernelBinding(
            step.Node,
            [.. step.Node.Inputs.Select(memory.View)],
            [.. WeightsOf(step)],
            [.. step.Node.Outputs.Select(memory.View)],
            new TensorView(memory.Arenas(device), step.Scratch.Offset, ElementType.I8, 1, step.Scratch.Bytes),
            step.Node.Kv is null ? null : memory.Kv(step.Node.Kv),
            memory.Plan.Request.Limits,
            memory.Plan.Request.Options);
    }

    private void Close(List<IRunnerAction> actions, List<IDisposable> owned)
    {
        if (_group.Count == 0)
            return;
        IBackend backend = memory.Backends(_group[0].Device);
        IDeviceProgram program = backend.Compile([.. _group.Select(step => (step, backend.Bind(step.Kernel!, Bind(step))))]);
        owned.Add(program);
        actions.Add(Check(_group[0], new ComputeAction(backend, program)));
        _group.Clear();
    }

    // Chosen experts with a copy of their weights among the inputs find them there instead of where they live.
    private IEnumerable<TensorView> WeightsOf(PlannedStep step)
    {
        GraphNode node = step.Node;
        int copy = node.Operation switch { FusedMoeOp => 2, MoeSumOp => 3, _ => int.MaxValue };
        if (node.Inputs.Count <= copy)
            return node.Weights.Select(weight => memory.Weights(weight, step.Device));
        TensorView staged = memory.View(node.Inputs[copy]);
        long[] offsets = StageExpertsOp.Offsets(node.Weights);
        return node.Weights.Select((weight, i) => new TensorView(staged.Buffer, staged.Offset + offsets[i], weight.Type, weight.Width, (long)weight.RowsPerSlice * weight.Slices));
    }

    private IRunnerAction Staging(PlannedStep step)
    {
        GraphNode node = step.Node;
        if (node.Operation is PrefetchExpertsOp)
        {
            ArenaSlot target = memory.Plan.Values[node.Outputs[0].Id];
            ExpertRoom made = new(memory.Queues(step.Queue), [.. node.Weights.Select(weight => memory.Weights(weight, Device.Cpu))], node.Weights, (memory.Arenas(target.Device), target.Offset));
            _rooms.Add(node.Outputs[0], made);
            PrefetchExpertsAction prefetch = new(step, made);
            return _validator?.WrapPrefetch(step, prefetch) ?? prefetch;
        }

        ExpertRoom room = _rooms[node.Inputs[1]];
        StageExpertsAction action = new(step, room, memory.View(node.Inputs[0]));
        return _validator?.WrapStaging(step, action, room) ?? action;
    }

    private IRunnerAction Check(PlannedStep step, IRunnerAction action) =>
        _validator?.Wrap(step, action) ?? timer?.Wrap(step, action, memory.Backends(step.Device)) ?? action;

    private TransferAction Transfer(PlannedStep step)
    {
        (ArenaSlot source, ArenaSlot target) = (memory.Plan.Values[step.Node.Inputs[0].Id], memory.Plan.Values[step.Node.Outputs[0].Id]);
        return new TransferAction(memory.Backends(step.Device), step, step.Node.Inputs[0].Shape, memory.Plan.Request.Limits, (memory.Arenas(source.Device), source.Offset), (memory.Arenas(target.Device), target.Offset));
    }
}
