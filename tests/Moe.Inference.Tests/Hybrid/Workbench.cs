using Moe.Inference.Cpu;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>Makes steps for queues without a model: transfers, and programs that run any code where a kernel would run.</summary>
internal static class Workbench
{
    public static readonly RunSize One = new(1, 0, 0, 1);

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>A program of steps that run code on the queue's thread.</summary>
    public static IDeviceProgram Program(this IBackend backend, params Action[] actions) =>
        backend.Compile([.. actions.Select((action, index) => (Step($"step {index}", new AddOp(), backend.Device), (IStep)new CodeStep(action)))]);

    /// <summary>Enqueues code.</summary>
    public static void Enqueue(this IBackend backend, params Action[] actions) => backend.Enqueue(backend.Program(actions), One, CancellationToken.None);

    /// <summary>Enqueues a copy of a whole buffer.</summary>
    public static void EnqueueTransfer(this IBackend backend, string label, DeviceBuffer source, DeviceBuffer target) =>
        backend.EnqueueTransfer(Step(label, new TransferOp(source.Device, target.Device), backend.Device), source, 0, target, 0, source.Length);

    /// <summary>Waits for the queue, but not for ever.</summary>
    public static void Finish(this IBackend backend)
    {
        Task task = Task.Run(backend.Synchronize);
        (Task.WaitAny([task], Patience) == 0).Should().BeTrue("no queue hangs");
        task.GetAwaiter().GetResult();
    }

    /// <summary>The bytes of a whole buffer.</summary>
    public static byte[] Read(this IBackend backend, DeviceBuffer buffer)
    {
        byte[] bytes = new byte[buffer.Length];
        backend.Read(buffer, 0, bytes);
        return bytes;
    }

    /// <summary>Nothing of a device may stay behind.</summary>
    public static void ShouldBeEmpty(this SimulatedDevice device) =>
        (device.LiveBuffers, device.LiveBytes, device.LiveBackends).Should().Be((0, 0L, 0), "nothing of {0} stays behind", device.Device);

    private static PlannedStep Step(string label, Operation operation, Device device)
    {
        GraphBuilder builder = new();
        GraphValue value = builder.AddInput("x", ValueShape.Floats(RowCount.Tokens, 4));
        GraphNode node = builder.AddNode(label, operation, operation is AddOp ? [value, value] : [value]);
        return new PlannedStep(node, device, null, 0, default, []);
    }

    private sealed class CodeStep(Action action) : CpuStep
    {
        public override int Items(int phase, in RunSize size) => 1;

        public override void Run(int phase, int item, in RunSize size, int worker) => action();
    }
}
