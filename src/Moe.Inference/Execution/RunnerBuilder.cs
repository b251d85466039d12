using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>Binds a plan's steps to memory and groups them: programs of steps that follow each other on one device, transfers, waits.</summary>
internal sealed class RunnerBuilder(
    ExecutionPlan plan,
    Func<Device, IBackend> backends,
    Func<Device, DeviceBuffer> arenas,
    Func<Weight, Device, TensorView> weights,
    Func<KvLayer, KvLayerView> kv)
{
    private readonly Dictionary<int, IDeviceEvent> _events = [];
    private readonly List<PlannedStep> _group = [];

    /// <summary>Makes the actions of a run.</summary>
    /// <param name="actions">Where they go, in order.</param>
    /// <param name="owned">Where programs and events go, to be disposed with the runner.</param>
    public void Build(List<IRunnerAction> actions, List<IDisposable> owned)
    {
        foreach (PlannedStep step in plan.Steps)
        {
            bool joins = !step.IsTransfer && step.Waits.Count == 0 && _group.Count > 0 && _group[0].Device == step.Device;
            if (!joins)
                Close(actions, owned);
            foreach (int wait in step.Waits)
                actions.Add(new WaitAction(backends(step.Device), _events[wait]));
            if (step.IsTransfer)
                actions.Add(Transfer(step, owned));
            else
                _group.Add(step);
        }

        Close(actions, owned);
    }

    /// <summary>Binds one step's operands.</summary>
    public KernelBinding Bind(PlannedStep step)
    {
        Device device = step.Device;
        return new KernelBinding(
            step.Node,
            [.. step.Node.Inputs.Select(View)],
            [.. step.Node.Weights.Select(weight => weights(weight, device))],
            [.. step.Node.Outputs.Select(View)],
            new TensorView(arenas(device), step.Scratch.Offset, ElementType.I8, 1, step.Scratch.Bytes),
            step.Node.Kv is null ? null : kv(step.Node.Kv),
            plan.Request.Limits,
            plan.Request.Options);
    }

    private void Close(List<IRunnerAction> actions, List<IDisposable> owned)
    {
        if (_group.Count == 0)
            return;
        IBackend backend = backends(_group[0].Device);
        IDeviceProgram program = backend.Compile([.. _group.Select(step => (step, backend.Bind(step.Kernel!, Bind(step))))]);
        owned.Add(program);
        actions.Add(new ComputeAction(backend, program));
        _group.Clear();
    }

    private TransferAction Transfer(PlannedStep step, List<IDisposable> owned)
    {
        IBackend carrier = backends(step.Device);
        IDeviceEvent done = carrier.CreateEvent();
        owned.Add(done);
        _events.Add(step.Node.Id, done);
        (ArenaSlot source, ArenaSlot target) = (plan.Values[step.Node.Inputs[0].Id], plan.Values[step.Node.Outputs[0].Id]);
        return new TransferAction(carrier, step, step.Node.Inputs[0].Shape, (arenas(source.Device), source.Offset), (arenas(target.Device), target.Offset), done);
    }

    private TensorView View(GraphValue value)
    {
        ArenaSlot slot = plan.Values[value.Id];
        return new TensorView(arenas(slot.Device), slot.Offset, value.Shape.Type, value.Width, value.Rows.Resolve(plan.Request.Limits));
    }
}
