using Moe.Inference.Cpu;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.EndToEnd;

/// <summary>Validation mode passes what is right and names what is wrong.</summary>
public sealed class ValidationModeTests : IDisposable
{
    private readonly Model _model = TestModels.Load();

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Sound_kernels_pass_and_give_the_same_logits(bool fused)
    {
        OpRegistry registry = Context.CreateRegistry();
        if (!fused)
            registry.Disable(FusedMoeOp.OpName).Disable(MultiAddOp.OpName).Disable(FlashAttentionOp.OpName).Disable(GatedActivationOp.OpName);
        Run(registry, validate: true).Should().Equal(Run(registry, validate: false));
    }

    public static TheoryData<string, Fault, string> Faults => new()
    {
        { FusedMoeOp.OpName, Fault.WrongElement, "*fused-moe*blk.0.ffn_experts*CPU*row 0, element 5*" },
        { MatMulOp.OpName, Fault.Unwritten, "*matmul*blk.0.attn_q*NaN*" },
        { MultiAddOp.OpName, Fault.BeyondTheEnd, "*multi-add*blk.0.ffn_sum*beyond the end*" },
        { FlashAttentionOp.OpName, Fault.BeforeTheStart, "*flash-attention*blk.0.attn_mix*before the start*" },
        { RouteOp.OpName, Fault.WrongElement, "*route*blk.0.ffn_route*" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_faulty_kernel_is_named(string operation, Fault fault, string message)
    {
        OpRegistry registry = Context.CreateRegistry();
        registry.Register(new FaultyKernel(registry.Find(operation, Device.CpuKind)!, fault));
        FluentActions.Invoking(() => Run(registry, validate: true)).Should().Throw<ValidationException>().WithMessage(message)
            .Which.Operation.Should().Be(operation);
    }

    private float[] Run(OpRegistry registry, bool validate)
    {
        using Context context = _model.CreateContext(new ContextOptions { Threads = 2, ContextLength = 128, MicroBatch = 32, Operations = registry, Validate = validate });
        using Session session = context.CreateSession();
        session.Evaluate(TestModels.StoryTokens(_model, 18));
        return session.Evaluate(TestModels.StoryTokens(_model, 3));
    }

    /// <summary>What a faulty kernel does after the sound one has done its work.</summary>
    public enum Fault
    {
        WrongElement,
        Unwritten,
        BeyondTheEnd,
        BeforeTheStart,
    }

    private sealed class FaultyKernel(IKernel sound, Fault fault) : IKernel
    {
        public string Operation => sound.Operation;

        public string DeviceKind => sound.DeviceKind;

        public string? Refuses(GraphNode node, KernelOptions options) => sound.Refuses(node, options);

        public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => sound.ScratchBytes(node, size, options);

        public IStep Bind(KernelBinding binding) => new Step((CpuStep)sound.Bind(binding), binding.Outputs[0], fault);

        private sealed unsafe class Step(CpuStep sound, TensorView output, Fault fault) : CpuStep
        {
            public override int Phases => sound.Phases + 1;

            public override int Items(int phase, in RunSize size) => phase < sound.Phases ? sound.Items(phase, size) : 1;

            public override void Run(int phase, int item, in RunSize size, int worker)
            {
                if (phase < sound.Phases)
                    sound.Run(phase, item, size, worker);
                else
                    Break((int*)output.Address);
            }

            private void Break(int* data)
            {
                switch (fault)
                {
                    case Fault.WrongElement:
                        data[output.Type == ElementType.I32 ? 0 : 5] ^= output.Type == ElementType.I32 ? 1 : 0x0080_0000;
                        break;
                    case Fault.Unwritten:
                        data[7] = -1;
                        break;
                    case Fault.BeyondTheEnd:
                        data[output.ByteLength / sizeof(int)] = 0;
                        break;
                    default:
                        data[-1] = 0;
                        break;
                }
            }
        }
    }
}
