using System.Runtime.InteropServices;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Cuda.Kernels;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Tests.Execution;

/// <summary>When sequences of commands become graphs: numbers go up, are added to themselves, and come down.</summary>
public sealed class GraphCacheTests : IDisposable
{
    private const int Width = 40, MostTokens = 4, RowBytes = Width * sizeof(float);

    private readonly CudaQueue? _queue;
    private readonly List<IDisposable> _owned = [];
    private readonly GraphNode _node;
    private readonly IDeviceProgram? _program;
    private readonly DeviceBuffer? _up, _x, _y, _down;

    public GraphCacheTests()
    {
        GraphBuilder builder = new();
        GraphValue x = builder.Add("x", new EmbeddingOp(), [builder.Inputs.TokenIds], [new Weight("table", ElementType.F32, Width, 1)]);
        _node = builder.AddNode("y", new AddOp(), [x, x]);
        if (TestGpu.Find() is not { } device)
            return;
        _queue = (CudaQueue)device.Open();
        (_up, _x, _y, _down) = (Own(_queue.AllocateHost(MostTokens * RowBytes, "up")), Own(_queue.Allocate(MostTokens * RowBytes, "x")), Own(_queue.Allocate(MostTokens * RowBytes, "y")), Own(_queue.AllocateHost(MostTokens * RowBytes, "down")));
        IKernel kernel = new OpRegistry().AddCudaKernels().Find(AddOp.OpName, "CUDA")!;
        TensorView input = new(_x, 0, ElementType.F32, Width, MostTokens);
        KernelBinding binding = new(_node, [input, input], [], [new TensorView(_y, 0, ElementType.F32, Width, MostTokens)], default, null, new RunSize(MostTokens, MostTokens, 0, MostTokens), new KernelOptions(1, false, ElementType.F32));
        _program = Own(_queue.Compile([(StepOf(_node, kernel), _queue.Bind(kernel, binding))]));
    }

    [SkippableFact]
    public void What_comes_again_is_captured_and_then_replayed()
    {
        TestGpu.Require();
        Run(3);
        Counts.Should().Be((0, 0), "most sequences come once");
        Run(3);
        Counts.Should().Be((1, 1));
        Run(3);
        Run(3);
        Counts.Should().Be((1, 3));
    }

    [SkippableFact]
    public void Another_number_of_bytes_is_captured_anew()
    {
        TestGpu.Require();
        Run(3);
        Run(3);
        Run(3, sent: 2);
        Counts.Should().Be((2, 2), "the old graph sends too much");
        Run(3, sent: 2);
        Run(3, sent: 3);
        Counts.Should().Be((3, 4));
    }

    [SkippableFact]
    public void Each_batch_size_has_its_own_graph()
    {
        TestGpu.Require();
        for (int round = 0; round < 3; round++)
        {
            foreach (int tokens in (int[])[1, 4, 2])
                Run(tokens);
        }

        Counts.Should().Be((3, 6), "each of three sizes is launched once, captured once and replayed once more");
    }

    [SkippableFact]
    public void A_longer_context_within_a_power_of_two_is_the_same_graph()
    {
        TestGpu.Require();
        foreach (int context in (int[])[257, 300, 512])
            Run(1, context: context);
        Counts.Should().Be((1, 2));
        Run(1, context: 513);
        Counts.Should().Be((1, 2), "attention is cut in another way");
    }

    [SkippableFact]
    public void Without_graphs_nothing_is_captured()
    {
        TestGpu.Require();
        _queue!.UsesGraphs = false;
        for (int i = 0; i < 3; i++)
            Run(2);
        Counts.Should().Be((0, 0));
    }

    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
            owned.Dispose();
        _queue?.Dispose();
    }

    private (long Captured, long Launched) Counts => (_queue!.Graphs.Captured, _queue.Graphs.Launched);

    private T Own<T>(T? owned)
        where T : class, IDisposable
    {
        _owned.Add(owned!);
        return owned!;
    }

    // Numbers that no run had before; rows that are not sent keep those of the run before.
    private unsafe void Run(int tokens, int? sent = null, int context = 1)
    {
        Span<float> up = new((void*)_up!.Address, MostTokens * Width), down = new((void*)_down!.Address, MostTokens * Width);
        float[] before = up.ToArray();
        for (int i = 0; i < up.Length; i++)
            up[i] = Random.Shared.NextSingle();
        down.Clear();
        long bytes = (sent ?? tokens) * RowBytes;
        _queue!.EnqueueTransfer(StepOf(_node, null), _up, 0, _x!, 0, bytes);
        _queue.Enqueue(_program!, new RunSize(tokens, tokens, 0, context), CancellationToken.None);
        _queue.EnqueueTransfer(StepOf(_node, null), _y!, 0, _down, 0, tokens * RowBytes);
        _queue.Synchronize();
        int fresh = (sent ?? tokens) * Width;
        for (int i = fresh; i < up.Length; i++)
            up[i] = before[i];
        for (int i = 0; i < tokens * Width; i++)
            down[i].Should().Be(2 * up[i]);
        down[(tokens * Width)..].ToArray().Should().NotContain(x => x != 0);
    }

    private PlannedStep StepOf(GraphNode node, IKernel? kernel) => new(node, _queue!.Device, kernel, 0, new ArenaSlot(_queue.Device, 0, 0), []);
}
