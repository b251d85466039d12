using Moe.Inference.Gguf;
using Moe.Inference.Tensors;
using Moe.Inference.Tests.EndToEnd;
using Moe.Inference.Tests.Gguf;

namespace Moe.Inference.Tests;

public class ModelInfoTests
{
    [Fact]
    public void A_file_says_what_it_holds()
    {
        using TemporaryFolder folder = new();
        TinyModel.Writer(ElementType.Q8_0, "{{ messages }}", "<|end|>").Write(folder["tiny.gguf"]);
        ModelInfo info = ModelInfo.Read(folder["tiny.gguf"]);

        info.UnsupportedReason.Should().BeNull();
        info.IsSupported.Should().BeTrue();
        info.Name.Should().Be("Tiny");
        info.Architecture.Should().Be("qwen3moe");
        info.FileType.Should().Be("F16");
        info.Parts.Should().Equal(folder["tiny.gguf"]);
        info.TensorCount.Should().Be(2 + (2 * 12));
        info.ContextLength.Should().Be(512);
        info.Layers.Should().Be(2);
        info.Experts.Should().Be(4);
        info.ExpertsUsed.Should().Be(2);
        info.VocabularySize.Should().Be(257);
        info.HasChatTemplate.Should().BeTrue();

        // By hand, per layer: norms 4 × 32, router 32 × 4; q 32 × 64, k and v 32 × 32, output 64 × 32; three times 4 experts of 32 × 64.
        const long Vectors = 32 + (2 * ((4 * 32) + (32 * 4)));
        const long Halves = (257 * 32) + (2 * ((32 * 64) + (2 * 32 * 32) + (64 * 32) + (4 * 64 * 32)));
        const long Eighths = 2 * 2 * 4 * 32 * 64;
        info.ParameterCount.Should().Be(Vectors + Halves + Eighths);
        info.WeightBytesByType.Should().Equal(
            KeyValuePair.Create(ElementType.F16, Halves * 2),
            KeyValuePair.Create(ElementType.Q8_0, Eighths / 32 * 34),
            KeyValuePair.Create(ElementType.F32, Vectors * 4));
        info.WeightBytes.Should().Be((Halves * 2) + (Eighths / 32 * 34) + (Vectors * 4));
    }

    [Theory]
    [InlineData(ElementType.F32, 2 * 2 * 32 * 4)]
    [InlineData(ElementType.F16, 2 * 2 * 32 * 2)]
    [InlineData(ElementType.Q8_0, 2 * 2 * 34)]
    public void Key_value_memory_is_what_a_context_takes(ElementType type, long expected)
    {
        using TemporaryFolder folder = new();
        TinyModel.Writer().Write(folder["tiny.gguf"]);
        ModelInfo info = ModelInfo.Read(folder["tiny.gguf"]);
        info.KvBytesPerToken(type).Should().Be(expected);

        using Model model = Model.Load(folder["tiny.gguf"]);
        using Context context = model.CreateContext(new ContextOptions { ContextLength = 128, KvType = type, Threads = 1 });
        context.KvBytes.Should().Be(128 * expected);
        model.WeightBytes.Should().Be(info.WeightBytes);
    }

    [Fact]
    public void Key_value_memory_of_other_types_is_refused()
    {
        using TemporaryFolder folder = new();
        TinyModel.Writer().Write(folder["tiny.gguf"]);
        ModelInfo info = ModelInfo.Read(folder["tiny.gguf"]);
        info.Invoking(i => i.KvBytesPerToken(ElementType.Q4_K)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void A_split_file_is_one_model()
    {
        using TemporaryFolder folder = new();
        IReadOnlyList<string> paths = TinyModel.Writer().WriteSplit(folder["tiny"], maxTensorsPerPart: 10);
        paths.Should().HaveCount(3);
        ModelInfo info = ModelInfo.Read(paths[1]);
        info.IsSupported.Should().BeTrue();
        info.Parts.Should().Equal(paths);
        info.TensorCount.Should().Be(26);
        info.HasChatTemplate.Should().BeFalse();
    }

    [Fact]
    public void An_unknown_architecture_is_described_and_said_to_be_unsupported()
    {
        using TemporaryFolder folder = new();
        new GgufWriter().Set("general.architecture", "perceptron").Set("perceptron.block_count", 3u).Write(folder["old.gguf"]);
        ModelInfo info = ModelInfo.Read(folder["old.gguf"]);
        info.IsSupported.Should().BeFalse();
        info.UnsupportedReason.Should().Contain("perceptron").And.Contain("qwen3moe");
        info.Name.Should().Be("old");
        info.Layers.Should().Be(3);
        info.FileType.Should().BeNull();
        info.KvBytesPerToken(ElementType.F16).Should().Be(0);
    }

    [Fact]
    public void A_type_that_no_kernel_takes_is_named()
    {
        using TemporaryFolder folder = new();
        TinyModel.Writer(ElementType.I8).Write(folder["tiny.gguf"]);
        ModelInfo info = ModelInfo.Read(folder["tiny.gguf"]);
        info.UnsupportedReason.Should().Contain("I8").And.Contain("_exps.weight");
    }

    [Fact]
    public void A_file_that_says_nothing_is_unsupported()
    {
        using TemporaryFolder folder = new();
        new GgufWriter().Write(folder["empty.gguf"]);
        ModelInfo info = ModelInfo.Read(folder["empty.gguf"]);
        info.UnsupportedReason.Should().Contain("general.architecture");
        info.Architecture.Should().BeEmpty();
        info.VocabularySize.Should().Be(0);
    }

    [Fact]
    public void A_file_that_is_missing_or_damaged_is_an_error()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["damaged.gguf"], "no model at all, but long enough for a header");
        FluentActions.Invoking(() => ModelInfo.Read(folder["damaged.gguf"])).Should().Throw<GgufFormatException>();
        FluentActions.Invoking(() => ModelInfo.Read(folder["missing.gguf"])).Should().Throw<FileNotFoundException>();
    }

    [Fact]
    public void The_shipped_model_is_supported()
    {
        ModelInfo info = ModelInfo.Read(TestModels.Shipped);
        info.UnsupportedReason.Should().BeNull();
        info.Name.Should().Be("Tiny Stories MoE");
        info.FileType.Should().Be("Q4_K_M");
        info.WeightBytesByType.Sum(pair => pair.Value).Should().Be(info.WeightBytes);
        info.WeightBytesByType[0].Key.Should().Be(ElementType.Q4_K);
        info.HasChatTemplate.Should().BeTrue();
        (info.Layers, info.Experts, info.ExpertsUsed, info.VocabularySize, info.ContextLength).Should().Be((6, 16, 4, 4096, 2048));
    }
}
