using Moe.Inference.Cpu;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.Conformance;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Hybrid;

/// <summary>
/// Bugs that hybrid engines have had, put in on purpose at run time: each must be caught by a check, which must name the culprit. Bugs of
/// plans are in <c>PlanCheckerTests</c>.
/// </summary>
public sealed class MutationTests : IDisposable
{
    private static readonly Device Sim0 = new(SimulatedDevice.DefaultKind, 0);
    private readonly Model _model = TestModels.Load();
    private readonly int[] _story;

    public MutationTests() => _story = TestModels.StoryTokens(_model, 40);

    public void Dispose() => _model.Dispose();

    // Caught by validation mode's comparison with the reference kernel. That the conformance tests catch it too, they show themselves.
    [Fact]
    public unsafe void A_launch_that_is_off_for_two_or_three_tokens_of_an_expert()
    {
        BrokenKernel kernel = new(FusedMoeOp.OpName)
        {
            // Groups of 2 and 3 rows get what the next expert of the token has computed.
            After = (binding, size) =>
            {
                (TensorView ids, TensorView output) = (binding.Inputs[1], binding.Outputs[0]);
                ReadOnlySpan<int> chosen = new(ids.Ints(), size.Tokens * ids.Width);
                for (int row = 0; row < chosen.Length; row++)
                {
                    if (chosen.Count(chosen[row]) is 2 or 3)
                        Row(output, row ^ 1).CopyTo(Row(output, row));
                }
            },
        };
        Validating(kernel).Should().Throw<ValidationException>().WithMessage("step *'fused-moe' of 'blk.*.ffn_experts' on CPU: row *, element * is *, the reference has *");
        // Without validation mode nothing would be said: the logits are finite, only wrong.
        Evaluate(kernel, validate: false).Should().NotEqual(Evaluate(null, validate: false)).And.NotContain(logit => float.IsNaN(logit));
    }

    // Caught by validation mode: rows that nobody wrote are NaN.
    [Fact]
    public unsafe void A_kernel_that_reads_rows_beyond_those_of_the_run()
    {
        BrokenKernel kernel = new(RmsNormOp.OpName)
        {
            After = (binding, size) =>
            {
                if (size.Tokens < binding.Limits.Tokens && binding.Node.Label.EndsWith("ffn_norm", StringComparison.Ordinal))
                    binding.Outputs[0].Floats()[0] += Row(binding.Inputs[0], size.Tokens)[0];
            },
        };
        Validating(kernel).Should().Throw<ValidationException>().WithMessage("step *'rms-norm' of 'blk.0.ffn_norm' on CPU: row 0, element 0 is NaN (not written, or computed from what was not written)*");
    }

    // Caught by validation mode: rows of key/value memory that nobody has written are NaN.
    [Fact]
    public unsafe void An_attention_that_reads_keys_beyond_those_stored()
    {
        BrokenKernel kernel = new(FlashAttentionOp.OpName)
        {
            After = (binding, _) =>
            {
                TensorView keys = binding.Kv!.Keys;
                binding.Outputs[0].Floats()[0] += (float)((Half*)keys.Buffer.Address)[(keys.Rows * keys.Width) - 1];
            },
        };
        Validating(kernel).Should().Throw<ValidationException>().WithMessage("step *'flash-attention' of 'blk.0.*' on CPU: row 0, element 0 is NaN *");
    }

    // Caught by validation mode, which compares both ends of each transfer.
    [Fact]
    public void A_transfer_that_stops_halfway()
    {
        using Model placed = Load(new ProviderDouble(new SimulatedDevice()) { Copied = bytes => bytes / 2 });
        FluentActions.Invoking(() => Evaluate(placed, validate: true)).Should().Throw<ValidationException>().WithMessage("step *'transfer' of '*→*' on SIM0: row *")
            .Which.Operation.Should().Be(TransferOp.OpName);
    }

    // Caught by comparison with a run on the host. Validation mode waits after each step and so hides what it should find: a wait that is
    // missing from a plan is PlanChecker's to find, one that a backend does not keep is found like this.
    [Fact]
    public void An_event_that_the_host_does_not_wait_for()
    {
        float[] expected = Evaluate(_model, validate: false);
        SimulatedDeviceOptions slow = new() { MaxDelay = TimeSpan.FromMilliseconds(2), DelayProbability = 1 };
        using Model sound = Load(new ProviderDouble(new SimulatedDevice(0, slow)));
        Evaluate(sound, validate: false).Should().Equal(expected);
        using Model hasty = Load(new ProviderDouble(new SimulatedDevice(0, slow)) { HostWaits = false });
        string found;
        try
        {
            found = Evaluate(hasty, validate: false).SequenceEqual(expected) ? "the same" : "other logits";
        }
        catch (DeviceException refusal)
        {
            // Chosen experts that were not there yet may be numbers that no expert has.
            found = refusal.Message;
        }

        found.Should().NotBe("the same");
    }

    // Caught by comparison of sessions alone and together, and named by validation mode.
    [Fact]
    public async Task Page_starts_of_another_sequence()
    {
        using HostBuffer stale = Zeros(1024);
        // As a recorded plan that does not have the sequence in its key: everybody's pages begin where the first one's did.
        BrokenKernel kernel = new(FlashAttentionOp.OpName)
        {
            Before = binding => binding with { Inputs = [binding.Inputs[0], binding.Inputs[1], binding.Inputs[2] with { Buffer = stale, Offset = 0 }, binding.Inputs[3]] },
        };
        (float[] First, float[] Second) alone = await Pair(kernel, together: false, validate: false);
        (await Pair(null, together: true, validate: false)).Second.Should().Equal(alone.Second);
        (float[] First, float[] Second) together = await Pair(kernel, together: true, validate: false);
        together.First.Should().Equal(alone.First);
        together.Second.Should().NotEqual(alone.Second);
        await FluentActions.Awaiting(() => Pair(kernel, together: true, validate: true)).Should().ThrowAsync<ValidationException>()
            .WithMessage("step *'flash-attention' of 'blk.0.attn_mix' on CPU: row *");
    }

    private static unsafe Span<float> Row(TensorView view, int row) => new(view.Floats() + ((long)row * view.Width), view.Width);

    private static unsafe HostBuffer Zeros(int bytes)
    {
        HostBuffer buffer = new(bytes, "stale page starts");
        new Span<byte>((byte*)buffer.Address, bytes).Clear();
        return buffer;
    }

    private static Model Load(IDeviceProvider device) => Model.Load(TestModels.Shipped, new ModelOptions
    {
        Placement = DevicePlacement.On(Sim0).Put("blk.*.ffn_*_exps.weight", Device.Cpu),
        Devices = [device],
    });

    private static ContextOptions Options(IKernel? kernel, bool validate) => new()
    {
        Threads = 1,
        ContextLength = 128,
        MicroBatch = 32,
        Validate = validate,
        Operations = kernel is null ? null : Context.CreateRegistry().Register(kernel),
    };

    private Action Validating(IKernel kernel) => () => Evaluate(kernel, validate: true);

    private float[] Evaluate(IKernel? kernel, bool validate) => Evaluate(_model, validate, kernel);

    private float[] Evaluate(Model model, bool validate, IKernel? kernel = null)
    {
        using Context context = model.CreateContext(Options(kernel, validate));
        using Session session = context.CreateSession();
        return session.Evaluate(_story.AsSpan(0, 18));
    }

    // Two sessions with different beginnings, and the logits after two more tokens of each, computed in one batch or in two.
    private async Task<(float[] First, float[] Second)> Pair(IKernel? kernel, bool together, bool validate)
    {
        using Context context = _model.CreateContext(Options(kernel, validate) with { KvCapacity = 256 });
        using Session first = context.CreateSession();
        using Session second = context.CreateSession();
        first.Evaluate(_story.AsSpan(0, 7));
        second.Evaluate(_story.AsSpan(9, 11));
        (float[] First, float[] Second) answers = ([], []);
        using ManualResetEventSlim gate = new(!together);
        Task held = context.Engine.InvokeAsync(gate.Wait);
        Task one = first.EvaluateAsync(_story.AsMemory(20, 2), (_, logits) => answers.First = logits.ToArray());
        if (!together)
            await one;
        Task two = second.EvaluateAsync(_story.AsMemory(30, 2), (_, logits) => answers.Second = logits.ToArray());
        gate.Set();
        await Task.WhenAll(held, one, two);
        return answers;
    }
}
