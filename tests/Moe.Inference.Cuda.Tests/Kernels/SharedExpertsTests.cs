using System.Runtime.InteropServices;
using Moe.Inference.Cuda.Kernels;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Tests.Kernels;

/// <summary>Tokens that share what is read of their experts get the bits that each gets alone.</summary>
public class SharedExpertsTests
{
    private const int Width = 512, Hidden = 256, Experts = 6, Used = 3, Seed = 31;

    [SkippableTheory]
    [InlineData(ElementType.Q4_K, ElementType.Q4_K)]
    [InlineData(ElementType.Q4_K, ElementType.Q6_K)]
    [InlineData(ElementType.Q8_0, ElementType.Q8_0)]
    [InlineData(ElementType.F16, ElementType.F16)]
    public void A_tokens_numbers_do_not_depend_on_those_beside_it(ElementType type, ElementType down)
    {
        // Of one expert, up to all tokens: more than are taken together.
        const int Tokens = 11;
        Random random = new(Seed);
        byte[][] weights = [Matrices(random, type, Width, Hidden), Matrices(random, type, Width, Hidden), Matrices(random, down, Hidden, Width)];
        float[] x = [.. Enumerable.Range(0, Tokens * Width).Select(_ => (float)(random.NextDouble() - 0.5))];
        float[] factors = [.. Enumerable.Range(0, Tokens * Used).Select(_ => (float)random.NextDouble())];
        int[] ids = [.. Enumerable.Range(0, Tokens).SelectMany(token => Choice(random, token))];
        float[] together = Run(type, down, weights, x, ids, factors);
        for (int token = 0; token < Tokens; token++)
        {
            float[] alone = Run(type, down, weights, x[(token * Width)..((token + 1) * Width)], ids[(token * Used)..((token + 1) * Used)], factors[(token * Used)..((token + 1) * Used)]);
            alone.Should().OnlyContain(y => float.IsFinite(y));
            together[(token * Width)..((token + 1) * Width)].Should().Equal(alone, $"token {token}, {type}, seed {Seed}");
        }
    }

    // Expert 0 is everybody's; expert 6 is elsewhere.
    private static int[] Choice(Random random, int token)
    {
        int[] others = [1, 2, 3, 4, 5, 6];
        random.Shuffle(others);
        int[] all = [0, .. others[..(Used - 1)]];
        return token % 2 == 0 ? all : [.. all.Reverse()];
    }

    private static byte[] Matrices(Random random, ElementType type, int width, int rows)
    {
        QuantFormat format = QuantFormats.Of(type);
        int rowBytes = (int)format.Layout.RowBytes(width);
        byte[] encoded = new byte[Experts * rows * rowBytes];
        float[] row = new float[width];
        for (int i = 0; i < Experts * rows; i++)
        {
            for (int j = 0; j < width; j++)
                row[j] = (float)(random.NextDouble() - 0.5) / 8;
            format.Encode(row, encoded.AsSpan(i * rowBytes, rowBytes));
        }

        return encoded;
    }

    private static float[] Run(ElementType type, ElementType down, byte[][] weights, float[] x, int[] ids, float[] factors)
    {
        using IBackend backend = TestGpu.Require().Open();
        int tokens = x.Length / Width;
        GraphBuilder builder = new();
        GraphValue input = builder.Add("x", new EmbeddingOp(), [builder.Inputs.TokenIds], [new Weight("table", ElementType.F32, Width, 1)]);
        IReadOnlyList<GraphValue> route = builder.AddNode("route", new RouteOp(Used, RouterGate.Softmax, true), [input]).Outputs;
        GraphNode node = builder.AddNode("y", new MoeSumOp(new FusedMoeOp(Used, ActivationKind.Silu)), [input, route[0], route[1]],
            [new Weight("gate", type, Width, Hidden, Experts), new Weight("up", type, Width, Hidden, Experts), new Weight("down", down, Hidden, Width, Experts)]);
        MoeSumKernel kernel = new();
        RunSize size = new(tokens, tokens, 0, tokens);
        KernelOptions options = new(1, false, ElementType.F32);
        List<DeviceBuffer> buffers = [];
        TensorView Place(ElementType element, int width, long rows, ReadOnlySpan<byte> data)
        {
            TensorView view = new(backend.Allocate(Math.Max(64, ElementLayout.Of(element).RowBytes(width) * rows), "test"), 0, element, width, rows);
            buffers.Add(view.Buffer);
            backend.Write(view.Buffer, 0, data);
            return view;
        }

        try
        {
            TensorView result = Place(ElementType.F32, Width, tokens, []);
            KernelBinding binding = new(
                node,
                [Place(ElementType.F32, Width, tokens, MemoryMarshal.AsBytes<float>(x)), Place(ElementType.I32, Used, tokens, MemoryMarshal.AsBytes<int>(ids)), Place(ElementType.F32, Used, tokens, MemoryMarshal.AsBytes<float>(factors))],
                [Place(type, Width, Hidden * Experts, weights[0]), Place(type, Width, Hidden * Experts, weights[1]), Place(down, Hidden, Width * Experts, weights[2])],
                [result],
                Place(ElementType.I8, 1, kernel.ScratchBytes(node, size, options), []),
                null,
                size,
                options);
            PlannedStep step = new(node, backend.Device, kernel, 0, new ArenaSlot(backend.Device, 0, binding.Scratch.ByteLength), []);
            using IDeviceProgram program = backend.Compile([(step, backend.Bind(kernel, binding))]);
            backend.Enqueue(program, size, CancellationToken.None);
            backend.Synchronize();
            float[] y = new float[tokens * Width];
            backend.Read(result.Buffer, 0, MemoryMarshal.AsBytes(y.AsSpan()));
            return y;
        }
        finally
        {
            buffers.ForEach(buffer => buffer.Dispose());
        }
    }
}
