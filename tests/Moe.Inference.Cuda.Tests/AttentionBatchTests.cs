using System.Runtime.InteropServices;
using Moe.Inference.Cuda.Kernels;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Tests;

/// <summary>Attention of few tokens does not depend on what else is in the batch.</summary>
public class AttentionBatchTests
{
    private const int Width = 32;
    private const int PageLength = 64;
    private const int Limit = 1024;

    private static readonly AttentionShape Shape = new(4, 2, Width, Width, 0.2f);

    [SkippableTheory]
    [InlineData(ElementType.F16)]
    [InlineData(ElementType.Q8_0)]
    public void A_token_gets_the_same_bits_alone_and_among_longer_and_shorter_sequences(ElementType type)
    {
        using IBackend backend = TestGpu.Require().Open();
        int[] lengths = [70, 300, 256, 900, 257, 1];
        float[] together = Run(backend, type, lengths);
        for (int token = 0; token < lengths.Length; token++)
        {
            float[] alone = Run(backend, type, [lengths[token]], firstToken: token);
            alone.Should().NotContain(0f).And.OnlyContain(x => float.IsFinite(x));
            alone.Should().Equal(together[(token * Shape.OutputRow)..((token + 1) * Shape.OutputRow)], $"a sequence of {lengths[token]} tokens");
        }
    }

    // All sequences begin with the same pages; a token's queries depend on its number alone.
    private static float[] Run(IBackend backend, ElementType type, int[] lengths, int firstToken = 0)
    {
        GraphBuilder graph = new();
        KvLayer layer = new(0, Shape.KvHeads, Width, Width);
        // Stands for whatever makes the queries: only the shape counts.
        GraphValue queries = graph.Add("queries", new RopeTableOp(Shape.QueryRow, 10000), [graph.Inputs.Positions]);
        GraphNode node = graph.AddNode("attention", new FlashAttentionOp(Shape), [queries, graph.Inputs.KvLengths, graph.Inputs.PageStarts, graph.Inputs.Pages], kv: layer);
        int pages = Limit / PageLength;
        List<DeviceBuffer> buffers = [];
        TensorView Place(ElementType element, int width, long rows, byte[] data)
        {
            TensorView view = new(backend.Allocate(ElementLayout.Of(element).RowBytes(width) * rows, "test"), 0, element, width, rows);
            buffers.Add(view.Buffer);
            backend.Write(view.Buffer, 0, data);
            return view;
        }

        try
        {
            long rows = (long)pages * Shape.KvHeads * PageLength;
            byte[] memory = Memory(type, rows);
            float[] numbers = [.. Enumerable.Range(firstToken * Shape.QueryRow, lengths.Length * Shape.QueryRow).Select(i => MathF.Sin(i * 0.37f) * 3)];
            KernelOptions options = new(1, true, type);
            RunSize limits = new(lengths.Length, lengths.Length, pages, Limit), size = limits with { Context = lengths.Max() };
            FlashAttentionKernel kernel = new();
            TensorView output = Place(ElementType.F32, Shape.OutputRow, lengths.Length, []);
            TensorView scratch = Place(ElementType.I8, 1, Math.Max(1, kernel.ScratchBytes(node, limits, options)), []);
            KernelBinding binding = new(
                node,
                [
                    Place(ElementType.F32, Shape.QueryRow, lengths.Length, Bytes(numbers)),
                    Place(ElementType.I32, 1, lengths.Length, Bytes(lengths)),
                    Place(ElementType.I32, 1, lengths.Length, Bytes(new int[lengths.Length])),
                    Place(ElementType.I32, 1, pages, Bytes(Enumerable.Range(0, pages).ToArray())),
                ],
                [],
                [output],
                scratch,
                new KvLayerView(layer, Place(type, Width, rows, memory), Place(type, Width, rows, [.. memory.Reverse<byte>().Chunk(memory.Length / (int)rows).SelectMany(row => row.Reverse())]), PageLength),
                limits,
                options);
            IStep step = backend.Bind(kernel, binding);
            using IDeviceProgram program = backend.Compile([(new PlannedStep(node, backend.Device, kernel, 0, new ArenaSlot(backend.Device, 0, scratch.ByteLength), []), step)]);
            backend.Enqueue(program, size, CancellationToken.None);
            backend.Synchronize();
            byte[] result = new byte[output.ByteLength];
            backend.Read(output.Buffer, 0, result);
            return MemoryMarshal.Cast<byte, float>(result).ToArray();
        }
        finally
        {
            buffers.ForEach(buffer => buffer.Dispose());
        }
    }

    // Halves below 2 in magnitude, or blocks of a half's scale and any codes.
    private static byte[] Memory(ElementType type, long rows)
    {
        byte[] bytes = new byte[rows * ElementLayout.Of(type).RowBytes(Width)];
        new Random(7).NextBytes(bytes);
        int step = type == ElementType.F16 ? 2 : ElementLayout.Of(type).BlockBytes;
        for (int i = 0; i < bytes.Length; i += step)
            BitConverter.TryWriteBytes(bytes.AsSpan(i), (Half)(type == ElementType.F16 ? (bytes[i] - 127.5f) / 64 : (bytes[i] + 1) / 16384f));
        return bytes;
    }

    private static byte[] Bytes<T>(T[] data)
        where T : unmanaged => MemoryMarshal.AsBytes(data.AsSpan()).ToArray();
}
