using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>A plan with the memory it runs in.</summary>
/// <param name="Plan">The plan.</param>
/// <param name="Queues">The backend that is a queue.</param>
/// <param name="Arenas">A device's arena.</param>
/// <param name="Weights">Where a tensor of the model lies on a device.</param>
/// <param name="Kv">Where a layer's key/value memory lies.</param>
internal sealed record PlanMemory(
    ExecutionPlan Plan,
    Func<DeviceQueue, IBackend> Queues,
    Func<Device, DeviceBuffer> Arenas,
    Func<Weight, Device, TensorView> Weights,
    Func<KvLayer, KvLayerView> Kv)
{
    /// <summary>The backend that computes on a device.</summary>
    public IBackend Backends(Device device) => Queues(new DeviceQueue(device));

    /// <summary>A value's place, for the largest run.</summary>
    public TensorView View(GraphValue value)
    {
        ArenaSlot slot = Plan.Values[value.Id];
        return new TensorView(Arenas(slot.Device), slot.Offset, value.Shape.Type, value.Width, value.Rows.Resolve(Plan.Request.Limits));
    }

    /// <summary>A copy of a value's rows in a run of a given size.</summary>
    public byte[] Read(GraphValue value, RunSize size)
    {
        ArenaSlot slot = Plan.Values[value.Id];
        byte[] bytes = new byte[value.Shape.ByteLength(size)];
        Backends(slot.Device).Read(Arenas(slot.Device), slot.Offset, bytes);
        return bytes;
    }
}
