using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;

namespace Moe.Inference.Tests.Conformance;

/// <summary>The harness must notice what it is there for.</summary>
public unsafe class BrokenKernelTests
{
    // What breaks here is noticed in plain memory; guard pages have a test of their own.
    private static readonly ConformanceOptions Quick = new() { WeightTypes = [ElementType.F32, ElementType.Q4_K], KvTypes = [ElementType.F16], Threads = [1], GuardPages = false };

    [Theory]
    [InlineData(ExpertMatMulOp.OpName, 2)]
    [InlineData(ExpertMatMulOp.OpName, 3)]
    [InlineData(FusedMoeOp.OpName, 2)]
    [InlineData(FusedMoeOp.OpName, 3)]
    public void Wrong_for_one_number_of_tokens_per_expert(string operation, int tokens)
    {
        BrokenKernel kernel = new(operation)
        {
            After = (binding, size) =>
            {
                TensorView output = binding.Outputs[0];
                ReadOnlySpan<int> ids = new(binding.Inputs[1].Ints(), size.Tokens * binding.Inputs[1].Width);
                for (int row = 0; row < ids.Length; row++)
                {
                    if (ids.Count(ids[row]) == tokens)
                        output.Floats()[(row * output.Width) + 1] *= 1.001f;
                }
            },
        };
        ConformanceReport report = Check(kernel);
        report.Failures.Should().OnlyContain(failure => failure.Element.Contains($"with {tokens} tokens"));
        report.Failures.Should().Contain(failure => failure.Case.Contains("0 to 33 tokens per expert") && failure.Element.EndsWith(", column 1"));
    }

    [Fact]
    public void A_row_read_behind_the_last_expert()
    {
        // As a tile of four tokens that meets fewer, and of an even number of rows that meets an odd one.
        BrokenKernel kernel = new(ExpertMatMulOp.OpName)
        {
            After = (binding, size) =>
            {
                (TensorView weight, TensorView output) = (binding.Weights[0], binding.Outputs[0]);
                int last = ((ExpertMatMulOp)binding.Node.Operation).FirstExpert + binding.Node.Weights[0].Slices - 1;
                ReadOnlySpan<int> ids = new(binding.Inputs[1].Ints(), size.Tokens * binding.Inputs[1].Width);
                for (int row = 0; row < ids.Length; row++)
                {
                    if (ids[row] == last && ids.Count(last) is 2 or 3)
                        output.Floats()[((row + 1) * output.Width) - 1] += *(float*)(weight.Bytes() + weight.ByteLength);
                }
            },
        };
        ConformanceReport report = Check(kernel);
        report.Failures.Should().OnlyContain(failure => failure.Found.StartsWith("NaN") || failure.Found.StartsWith("nothing written"));
        report.Failures.Should().Contain(failure => failure.Case.Contains("3 tokens, all to the last expert"));
        report.Failures.Should().Contain(failure => failure.Case.Contains("2 tokens, all to the last expert"));
    }

    [Fact]
    public void An_element_left_unwritten()
    {
        BrokenKernel kernel = new(MatMulOp.OpName)
        {
            After = (binding, size) =>
            {
                // As a tile of 8 tokens that forgets the last column of the last token.
                if (size.Tokens == 8)
                    new Span<byte>(binding.Outputs[0].Floats() + (8 * binding.Outputs[0].Width) - 1, sizeof(float)).Fill(0xFF);
            },
        };
        ConformanceFailure failure = Check(kernel).Failures[0];
        failure.Case.Should().Contain(" 8 tokens");
        failure.Element.Should().Be("output 0, row 7, column 18");
        failure.Found.Should().Be("nothing written (1 of 152 elements are wrong)");
    }

    [Theory]
    [InlineData(MatMulOp.OpName)]
    [InlineData(RmsNormOp.OpName)]
    [InlineData(MultiAddOp.OpName)]
    public void An_element_written_beyond_the_run(string operation)
    {
        BrokenKernel kernel = new(operation)
        {
            After = (binding, size) => binding.Outputs[0].Floats()[binding.Node.Outputs[0].Rows.Resolve(size) * binding.Outputs[0].Width] = 0,
        };
        ConformanceReport report = Check(kernel);
        report.Failures.Should().OnlyContain(failure => failure.Element.StartsWith("output 0, ") && failure.Expected == "byte ff as before");
        report.Failures.Should().Contain(failure => failure.Element == "output 0, 0 bytes after its end");
        report.Failures.Should().Contain(failure => failure.Element.EndsWith(", column 0, beyond this run"));
    }

    [Fact]
    public void An_element_written_before_the_output()
    {
        BrokenKernel kernel = new(AddOp.OpName) { After = (binding, _) => binding.Outputs[0].Floats()[-1] = 0 };
        Check(kernel).Failures[0].Element.Should().Be("output 0, 4 bytes before its beginning");
    }

    [Fact]
    public void Scratch_memory_beyond_what_was_asked_for()
    {
        BrokenKernel kernel = new(MulOp.OpName) { Scratch = _ => 100, After = (binding, _) => new Span<byte>(binding.Scratch.Bytes(), 101).Clear() };
        Check(kernel).Failures[0].Element.Should().Be("scratch memory, 0 bytes after its end");
        // Quantized activations fill what the right kernel asks for.
        BrokenKernel modest = new(MatMulOp.OpName) { Scratch = bytes => Math.Max(0, bytes - 128) };
        Check(modest).Failures.Should().Contain(failure => failure.Element.StartsWith("scratch memory, ") && failure.Case.Contains("Q4_K"));
    }

    [Fact]
    public void What_an_earlier_run_left_in_scratch_memory()
    {
        BrokenKernel kernel = new(MulOp.OpName)
        {
            Scratch = _ => 64,
            // Right as long as scratch memory is as it was allocated.
            After = (binding, _) =>
            {
                binding.Outputs[0].Floats()[0] += float.IsNaN(binding.Scratch.Floats()[0]) ? 0 : 1;
                binding.Scratch.Floats()[0] = 0;
            },
        };
        Check(kernel).Failures.Should().OnlyContain(failure => failure.Element == "second run, output 0, row 0, column 0");
    }

    [Theory]
    [InlineData(FlashAttentionOp.OpName)]
    [InlineData(AttentionScoresOp.OpName)]
    [InlineData(AttentionValuesOp.OpName)]
    public void A_page_table_ignored(string operation)
    {
        int[] identity = new int[100];
        fixed (int* pages = identity)
        {
            using FixedBuffer buffer = new((nint)pages, identity.Length * sizeof(int));
            BrokenKernel kernel = new(operation)
            {
                Before = binding =>
                {
                    // Sequences that share pages have more of them in their tables than there are; what is outside must not be read.
                    int count = (int)(binding.Kv!.Keys.Rows / (binding.Kv.Layer.Heads * binding.Kv.PageLength));
                    for (int i = 0; i < identity.Length; i++)
                        identity[i] = i % count;
                    return binding with { Inputs = [.. binding.Inputs.Take(3), binding.Inputs[3] with { Buffer = buffer, Offset = 0 }] };
                },
            };
            Check(kernel).Failures.Should().Contain(failure => failure.Case.Contains("shared pages"));
        }
    }

    [Fact]
    public void A_key_too_many()
    {
        BrokenKernel kernel = new(FlashAttentionOp.OpName)
        {
            // As if the token after the last were visible, where there is one.
            Before = binding =>
            {
                for (int token = 0; token < binding.Limits.Tokens; token++)
                    binding.Inputs[1].Ints()[token]++;
                return binding;
            },
            After = (binding, _) =>
            {
                for (int token = 0; token < binding.Limits.Tokens; token++)
                    binding.Inputs[1].Ints()[token]--;
            },
        };
        Check(kernel).Failures.Should().Contain(failure => failure.Case.Contains("page edges") && failure.Element.StartsWith("output 0, row 0 (1 keys), "));
    }

    [Fact]
    public void An_input_changed()
    {
        BrokenKernel kernel = new(RopeOp.OpName) { After = (binding, _) => binding.Inputs[0].Floats()[0] += 1 };
        Check(kernel).Failures[0].Element.Should().Be("input 'x', row 0, column 0");
    }

    [Fact]
    public void A_weight_changed()
    {
        BrokenKernel kernel = new(MatMulOp.OpName) { After = (binding, _) => binding.Weights[0].Bytes()[binding.Weights[0].RowBytes] ^= 1 };
        Check(kernel).Failures[0].Element.Should().Be("weight 'matrix', row 1, column 0");
    }

    [Fact]
    public void Ties_broken_the_wrong_way()
    {
        BrokenKernel kernel = new(RouteOp.OpName)
        {
            After = (binding, size) =>
            {
                TensorView ids = binding.Outputs[0], weights = binding.Outputs[1], logits = binding.Inputs[0];
                for (int at = 0; at < size.Tokens * ids.Width; at++)
                {
                    bool last = at % ids.Width == ids.Width - 1;
                    float* row = logits.Floats() + (at / ids.Width * logits.Width);
                    if (!last && row[ids.Ints()[at]] == row[ids.Ints()[at + 1]] && weights.Floats()[at] == weights.Floats()[at + 1])
                        (ids.Ints()[at], ids.Ints()[at + 1]) = (ids.Ints()[at + 1], ids.Ints()[at]);
                }
            },
        };
        ConformanceReport report = Check(kernel);
        report.Failures.Should().Contain(failure => failure.Case.Contains("all equal") && failure.Element == "output 0, row 0, column 0" && failure.Expected.StartsWith("expert 0 "));
        report.Failures.Should().OnlyContain(failure => failure.Case.Contains("ties") || failure.Case.Contains("all equal"), "elsewhere no two logits are equal");
    }

    [Fact]
    public void An_expert_chosen_twice()
    {
        BrokenKernel kernel = new(RouteOp.OpName) { After = (binding, _) => binding.Outputs[0].Ints()[1] = binding.Outputs[0].Ints()[0] };
        Check(kernel).Failures[0].Element.Should().Be("output 0, row 0, column 1");
    }

    [Fact]
    public void A_key_stored_in_a_place_too_many()
    {
        BrokenKernel kernel = new(KvStoreOp.OpName)
        {
            After = (binding, _) => binding.Kv!.Values.Bytes()[binding.Inputs[2].Ints()[0] == 0 ? binding.Kv.Values.RowBytes * 5 : 0] ^= 0x55,
        };
        Check(kernel).Failures[0].Element.Should().StartWith("values, page 0, head 0, place ").And.Contain("no token's slot");
    }

    [Fact]
    public void Rows_of_experts_elsewhere_left_alone()
    {
        BrokenKernel kernel = new(FusedMoeOp.OpName)
        {
            After = (binding, size) =>
            {
                TensorView output = binding.Outputs[0];
                int first = ((FusedMoeOp)binding.Node.Operation).FirstExpert, here = binding.Node.Weights[0].Slices;
                for (int row = 0; row < size.Tokens * binding.Inputs[1].Width; row++)
                {
                    int id = binding.Inputs[1].Ints()[row];
                    if (id < first || id >= first + here)
                        new Span<byte>(output.Floats() + ((long)row * output.Width), output.Width * sizeof(float)).Fill(0xFF);
                }
            },
        };
        Check(kernel).Failures.Should().OnlyContain(failure => failure.Element.Contains(", elsewhere)") && failure.Found.StartsWith("nothing written"));
    }

    [Fact]
    public void An_exception()
    {
        BrokenKernel kernel = new(AddOp.OpName) { After = (_, _) => throw new InvalidOperationException("out of luck") };
        Check(kernel).Failures[0].Found.Should().StartWith(nameof(DeviceException)).And.Contain("out of luck");
    }

    [Fact]
    public void A_kernel_that_refuses_everything_has_not_passed()
    {
        ConformanceReport report = OpConformance.Check(new Unwilling(), options: Quick);
        report.Passed.Should().BeFalse();
        report.Failures.Should().BeEmpty();
        ((Action)report.ThrowIfFailed).Should().Throw<ConformanceException>().WithMessage("*add by Unwilling on CPU: 0 runs*not today*");
    }

    [Fact]
    public void A_check_ends_after_as_many_failures_as_it_was_told()
    {
        BrokenKernel kernel = new(AddOp.OpName) { After = (binding, _) => binding.Outputs[0].Floats()[0] = 1e9f };
        OpConformance.Check(kernel, options: Quick with { MostFailures = 3 }).Failures.Should().HaveCount(3);
    }

    [Fact]
    public void A_kernel_of_another_device_needs_its_backend() =>
        ((Action)(() => OpConformance.Check(new Foreign()))).Should().Throw<ArgumentException>().WithMessage("*CUDA*backend*");

    [Fact]
    public void An_unknown_operation_is_named() =>
        ((Action)(() => OpConformance.Check(new Unknown()))).Should().Throw<ArgumentException>().WithMessage("*'fold'*matmul*");

    [Fact]
    public void Options_are_checked()
    {
        IKernel kernel = new BrokenKernel(AddOp.OpName);
        ((Action)(() => OpConformance.Check(kernel, options: new() { Threads = [] }))).Should().Throw<ArgumentException>();
        ((Action)(() => OpConformance.Check(kernel, options: new() { Threads = [0] }))).Should().Throw<ArgumentException>();
        ((Action)(() => OpConformance.Check(kernel, options: new() { MostFailures = 0 }))).Should().Throw<ArgumentOutOfRangeException>();
        ((Action)(() => OpConformance.Check(null!))).Should().Throw<ArgumentNullException>();
    }

    private static ConformanceReport Check(BrokenKernel kernel)
    {
        OpConformance.Check(new BrokenKernel(kernel.Operation), options: Quick).ThrowIfFailed();
        ConformanceReport report = OpConformance.Check(kernel, options: Quick with { MostFailures = 1000 });
        report.Passed.Should().BeFalse();
        report.Failures.Should().NotBeEmpty().And.OnlyContain(failure => failure.Operation == kernel.Operation && failure.Case.Length > 0);
        string message = ((Action)report.ThrowIfFailed).Should().Throw<ConformanceException>().Which.Message;
        message.Should().Contain(report.Failures[0].Operation).And.Contain(report.Failures[0].Case).And.Contain(report.Failures[0].Element);
        return report;
    }

    private sealed class Unwilling() : BrokenKernel(AddOp.OpName)
    {
        public override string Refuses(GraphNode node, KernelOptions options) => "not today";
    }

    private sealed class Foreign : IKernel
    {
        public string Operation => AddOp.OpName;

        public string DeviceKind => Device.CudaKind;

        public string? Refuses(GraphNode node, KernelOptions options) => null;

        public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => 0;

        public IStep Bind(KernelBinding binding) => throw new NotSupportedException();
    }

    private sealed class Unknown : IKernel
    {
        public string Operation => "fold";

        public string DeviceKind => Device.CpuKind;

        public string? Refuses(GraphNode node, KernelOptions options) => null;

        public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => 0;

        public IStep Bind(KernelBinding binding) => throw new NotSupportedException();
    }

    private sealed class FixedBuffer(nint address, long length) : DeviceBuffer(Device.Cpu, length, "a test's own pages")
    {
        public override nint Address => address;

        protected override void Dispose(bool disposing)
        {
        }
    }
}
