using Moe.Inference.Cpu;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Conformance;

/// <summary>A built-in kernel with something done to it.</summary>
internal class BrokenKernel(string operation) : IKernel
{
    private readonly IKernel _right = Context.CreateRegistry().Find(operation, Device.CpuKind)!;

    /// <summary>Changes what the right kernel is bound to.</summary>
    public Func<KernelBinding, KernelBinding> Before { get; init; } = binding => binding;

    /// <summary>Runs once the right kernel is done.</summary>
    public Action<KernelBinding, RunSize>? After { get; init; }

    /// <summary>Changes how many bytes of scratch memory are asked for.</summary>
    public Func<long, long> Scratch { get; init; } = bytes => bytes;

    public string Operation => operation;

    public string DeviceKind => Kind;

    /// <summary>The kind of device that it is for.</summary>
    public string Kind { get; init; } = Device.CpuKind;

    public virtual string? Refuses(GraphNode node, KernelOptions options) => _right.Refuses(node, options);

    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => Scratch(_right.ScratchBytes(node, size, options));

    public IStep Bind(KernelBinding binding) => new Step((CpuStep)_right.Bind(Before(binding)), binding, After);

    private sealed class Step(CpuStep right, KernelBinding binding, Action<KernelBinding, RunSize>? after) : CpuStep
    {
        public override int Phases => right.Phases + 1;

        public override int Items(int phase, in RunSize size) => phase == right.Phases ? 1 : right.Items(phase, size);

        public override void Run(int phase, int item, in RunSize size, int worker)
        {
            if (phase < right.Phases)
                right.Run(phase, item, size, worker);
            else
                after?.Invoke(binding, size);
        }
    }
}

/// <summary>Memory behind views, unchecked: these kernels are meant to go astray.</summary>
internal static unsafe class Stray
{
    public static float* Floats(this TensorView view) => (float*)view.Address;

    public static int* Ints(this TensorView view) => (int*)view.Address;

    public static byte* Bytes(this TensorView view) => (byte*)view.Address;

    public static byte ByteBehind(this TensorView view) => Volatile.Read(ref view.Bytes()[view.ByteLength]);
}
