using System.Diagnostics;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>Measures, in a few milliseconds, what an offload policy weighs: how fast weights reach a device, and how fast devices multiply.</summary>
internal static class SpeedProbe
{
    private const int LinkBytes = 8 << 20;
    private const int LinkCopies = 64;
    private const int Width = 1024;
    private const int Tokens = 64;
    private const int Repeats = 3;

    /// <summary>Bytes a second from host memory that is locked in place to a device; from any memory where the device has no such.</summary>
    public static double LockedLink(IBackend backend)
    {
        using DeviceBuffer? source = backend.AllocateHost(LinkBytes, "speed probe");
        if (source is null)
            return Link(backend);
        using DeviceBuffer target = backend.Allocate(LinkBytes, "speed probe");
        GraphBuilder builder = new();
        GraphNode node = builder.AddNode("probe", new TransferOp(Device.Cpu, backend.Device), [builder.AddInput("x", ValueShape.Floats(RowCount.Tokens, Width))]);
        PlannedStep step = new(node, backend.Device, null, 0, new ArenaSlot(backend.Device, 0, 0), []);
        return (double)LinkBytes * LinkCopies / Best(() =>
        {
            for (int i = 0; i < LinkCopies; i++)
                backend.EnqueueTransfer(step, source, 0, target, 0, LinkBytes);
            backend.Synchronize();
        });
    }

    /// <summary>Bytes a second from any host memory to a device.</summary>
    public static double Link(IBackend backend)
    {
        byte[] data = new byte[LinkBytes];
        using DeviceBuffer target = backend.Allocate(data.Length, "speed probe");
        return data.Length / Best(() =>
        {
            backend.Write(target, 0, data);
            backend.Synchronize();
        });
    }

    /// <summary>Multiply-adds a second of a backend in products with a weight type.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="registry">Its kernels.</param>
    /// <param name="type">The weight type.</param>
    /// <param name="options">What kernels are told.</param>
    public static double MultiplyAdds(IBackend backend, OpRegistry registry, ElementType type, KernelOptions options)
    {
        GraphBuilder builder = new();
        GraphValue x = builder.AddInput("x", ValueShape.Floats(RowCount.Tokens, Width));
        GraphNode node = builder.AddNode("probe", new MatMulOp(), [x], [new Weight("probe", type, Width, Width)]);
        RunSize size = new(Tokens, 1, 1, 1);
        IKernel kernel = registry.Find(MatMulOp.OpName, backend.Device.Kind)
            ?? throw new PlanningException(MatMulOp.OpName, node.Label, backend.Device.ToString(), "no kernel is registered, so that its speed cannot be measured; set the policy's threshold");
        using ProbeMemory memory = new(backend);
        TensorView scratch = memory.Take(ElementType.I8, 1, kernel.ScratchBytes(node, size, options));
        KernelBinding binding = new(
            node,
            [memory.Take(ElementType.F32, Width, Tokens)],
            [memory.Take(type, Width, Width)],
            [memory.Take(ElementType.F32, Width, Tokens)],
            scratch,
            null,
            size,
            options);
        PlannedStep step = new(node, backend.Device, kernel, 0, new ArenaSlot(backend.Device, 0, scratch.ByteLength), []);
        using IDeviceProgram program = backend.Compile([(step, backend.Bind(kernel, binding))]);
        return (double)Tokens * Width * Width / Best(() =>
        {
            backend.Enqueue(program, size, CancellationToken.None);
            backend.Synchronize();
        });
    }

    // The best of a few: what disturbs a measurement only ever makes it slower.
    private static double Best(Action action)
    {
        action();
        double best = double.PositiveInfinity;
        for (int i = 0; i < Repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    private sealed class ProbeMemory(IBackend backend) : IDisposable
    {
        private readonly List<DeviceBuffer> _buffers = [];

        public TensorView Take(ElementType type, int width, long rows)
        {
            long bytes = Math.Max(1, ElementLayout.Of(type).RowBytes(width) * rows);
            DeviceBuffer buffer = backend.Allocate(bytes, "speed probe");
            _buffers.Add(buffer);
            backend.Write(buffer, 0, new byte[bytes]);
            return new TensorView(buffer, 0, type, width, rows);
        }

        public void Dispose()
        {
            foreach (DeviceBuffer buffer in _buffers)
                buffer.Dispose();
        }
    }
}
