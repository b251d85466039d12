using System.Diagnostics;
using System.Runtime.InteropServices;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Bench.Speed;

/// <summary>The speed of a device's kernel for one product.</summary>
/// <param name="Microseconds">Time of one.</param>
/// <param name="TeraOperations">Multiplications and additions in a second, in units of 10¹².</param>
/// <param name="GigaBytes">Bytes of weights in a second, in units of 10⁹.</param>
internal sealed record ProductSpeed(double Microseconds, double TeraOperations, double GigaBytes)
{
    // More than any second-level cache holds: in a model, a product's weights were last read a token ago.
    private const long AllWeights = 256L << 20;
    private const int MostCopies = 64, DifferentRows = 61;
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(60);

    /// <summary>Measures many products one after the other, over copies of the weights.</summary>
    public static ProductSpeed Measure(IDeviceProvider device, ProductShape shape, int tokens)
    {
        OpRegistry registry = new();
        device.RegisterKernels(registry);
        using IBackend backend = device.Open();
        GraphNode node = shape.Node();
        RunSize size = new(tokens, tokens, 1, 1);
        KernelOptions options = new(1, Exact: false, ElementType.F16);
        IKernel kernel = registry.Find(node.Operation.Name, backend.Device.Kind)
            ?? throw new PlanningException(node.Operation.Name, node.Label, backend.Device.ToString(), "no kernel is registered");
        using Operands operands = new(backend);
        TensorView[] inputs = [operands.Take(ElementType.F32, shape.Width, tokens, Floats(tokens * shape.Width)), .. shape.Experts == 0 ? (TensorView[])[] : [operands.Take(ElementType.I32, shape.Used, tokens, Ids(shape, tokens))]];
        TensorView output = operands.Take(ElementType.F32, node.Outputs[0].Width, node.Outputs[0].Rows.Resolve(size));
        TensorView scratch = operands.Take(ElementType.I8, 1, kernel.ScratchBytes(node, size, options));
        long bytes = node.Weights.Sum(weight => weight.ByteLength);
        int copies = (int)Math.Clamp(AllWeights / bytes, 2, MostCopies);
        List<(PlannedStep, IStep)> steps = [];
        for (int i = 0; i < copies; i++)
        {
            TensorView[] weights = [.. node.Weights.Select(weight => operands.Take(weight.Type, weight.Width, (long)weight.RowsPerSlice * weight.Slices, Rows(weight)))];
            KernelBinding binding = new(node, inputs, weights, [output], scratch, null, size, options);
            steps.Add((new PlannedStep(node, backend.Device, kernel, i, new ArenaSlot(backend.Device, 0, scratch.ByteLength), []), backend.Bind(kernel, binding)));
        }

        using IDeviceProgram program = backend.Compile(steps);
        double seconds = double.PositiveInfinity;
        // The first run compiles, the second is recorded.
        for (int run = 0; run < 5; run++)
        {
            long start = Stopwatch.GetTimestamp();
            int times = 0;
            do
            {
                backend.Enqueue(program, size, CancellationToken.None);
                backend.Synchronize();
                times++;
            }
            while (run > 1 && Stopwatch.GetElapsedTime(start) < Least);
            seconds = Math.Min(seconds, Stopwatch.GetElapsedTime(start).TotalSeconds / times / copies);
        }

        Footprint footprint = node.Operation.GetFootprint(node, size);
        return new ProductSpeed(seconds * 1e6, 2 * footprint.MultiplyAdds / seconds / 1e12, footprint.Weights.Sum() / seconds / 1e9);
    }

    private static byte[] Floats(int count)
    {
        Random random = new(1);
        float[] x = new float[count];
        for (int i = 0; i < count; i++)
            x[i] = random.NextSingle() - 0.5f;
        return MemoryMarshal.AsBytes(x.AsSpan()).ToArray();
    }

    private static byte[] Ids(ProductShape shape, int tokens)
    {
        Random random = new(2);
        int[] all = [.. Enumerable.Range(0, shape.Experts)];
        List<int> ids = [];
        for (int token = 0; token < tokens; token++)
        {
            random.Shuffle(all);
            ids.AddRange(all.AsSpan(0, shape.Used));
        }

        return MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(ids)).ToArray();
    }

    private static byte[] Rows(Weight weight)
    {
        QuantFormat format = QuantFormats.Of(weight.Type);
        byte[] bytes = new byte[weight.ByteLength];
        int rowBytes = (int)weight.RowBytes, rows = bytes.Length / rowBytes;
        float[] x = MemoryMarshal.Cast<byte, float>(Floats(weight.Width * DifferentRows)).ToArray();
        for (int row = 0; row < rows; row++)
        {
            Span<byte> target = bytes.AsSpan(row * rowBytes, rowBytes);
            if (row < DifferentRows)
                format.Encode(x.AsSpan(row * weight.Width, weight.Width), target);
            else
                bytes.AsSpan(row % DifferentRows * rowBytes, rowBytes).CopyTo(target);
        }

        return bytes;
    }

    private sealed class Operands(IBackend backend) : IDisposable
    {
        private readonly List<DeviceBuffer> _buffers = [];

        public TensorView Take(ElementType type, int width, long rows, byte[]? contents = null)
        {
            DeviceBuffer buffer = backend.Allocate(Math.Max(1, ElementLayout.Of(type).RowBytes(width) * rows), "operand");
            _buffers.Add(buffer);
            if (contents is not null)
                backend.Write(buffer, 0, contents);
            return new TensorView(buffer, 0, type, width, rows);
        }

        public void Dispose()
        {
            foreach (DeviceBuffer buffer in _buffers)
                buffer.Dispose();
        }
    }
}
