using Moe.Inference.Bench.Synthesis;
using Moe.Inference.Gguf;
using Moe.Inference.Sampling;
using Moe.Inference.Tensors;
using Moe.Inference.Tests.Gguf;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Tests.Samples;

public class BenchSynthTests
{
    private static readonly ModelShape Dense = new()
    {
        Name = "dense",
        Layers = 1,
        Width = 256,
        Heads = 4,
        KvHeads = 4,
        HeadWidth = 64,
        FeedForward = 512,
        Vocabulary = 300,
        ContextLength = 512,
        TiedOutput = true,
    };

    [Fact]
    public async Task A_tiny_model_loads_and_generates()
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        using Model model = Model.Load(folder["tiny.gguf"]);
        model.Shape.Architecture.Should().Be("qwen3moe");
        model.Tokenizer.VocabularySize.Should().Be(1024);
        model.ChatTemplate.Should().NotBeNull();
        (await GenerateAsync(model, 8)).Should().HaveCount(8);
    }

    [Fact]
    public async Task A_dense_model_with_tied_output_loads_and_generates()
    {
        using TemporaryFolder folder = new();
        new SyntheticModel(Dense, ElementType.Q8_0, ElementType.F16, seed: 7).Write(folder["dense.gguf"]);
        using Model model = Model.Load(folder["dense.gguf"]);
        model.Shape.Architecture.Should().Be("qwen3");
        (await GenerateAsync(model, 4)).Should().HaveCount(4);
    }

    [Fact]
    public async Task The_seed_decides_the_file()
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["a.gguf"], "--seed", "5");
        await BenchProgram.OutputAsync("synth", "tiny", folder["b.gguf"], "--seed", "5");
        await BenchProgram.OutputAsync("synth", "tiny", folder["c.gguf"], "--seed", "6");
        AreEqual(folder["a.gguf"], folder["b.gguf"]).Should().BeTrue();
        AreEqual(folder["a.gguf"], folder["c.gguf"]).Should().BeFalse();
    }

    [Fact]
    public async Task Matrices_have_the_types_asked_for()
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"], "--type", "q8_0", "--output-type", "f16");
        using GgufFile file = GgufFile.Open(folder["tiny.gguf"]);
        file.GetTensor("output.weight").Type.Should().Be(ElementType.F16);
        file.GetTensor("blk.1.ffn_down_exps.weight").Type.Should().Be(ElementType.Q8_0);
        file.GetTensor("blk.1.ffn_gate_inp.weight").Type.Should().Be(ElementType.F32);
        file.GetTensor("blk.1.attn_norm.weight").Type.Should().Be(ElementType.F32);
    }

    [Fact]
    public unsafe void Weights_have_variance_one_over_the_row_length()
    {
        using TemporaryFolder folder = new();
        new SyntheticModel(Dense, ElementType.F32, ElementType.F32, seed: 3).Write(folder["dense.gguf"]);
        using GgufFile file = GgufFile.Open(folder["dense.gguf"]);
        using GgufContent content = file.ReadAll();
        GgufTensor tensor = file.GetTensor("blk.0.ffn_down.weight");
        ReadOnlySpan<float> weights = new((void*)content.GetAddress(tensor), (int)(tensor.ByteLength / sizeof(float)));
        double sum = 0, squares = 0;
        foreach (float weight in weights)
        {
            sum += weight;
            squares += (double)weight * weight;
        }

        // Of 131,072 independent numbers, the mean square is within 2 % for certain, and so is the mean within a fiftieth of the deviation.
        (squares / weights.Length * Dense.FeedForward).Should().BeApproximately(1, 0.02);
        (sum / weights.Length * Math.Sqrt(Dense.FeedForward)).Should().BeApproximately(0, 0.02);
    }

    [Theory]
    [InlineData("hello wide world")]
    [InlineData("Zürich, 12 °C: 今日は\n\t<|im_end|>")]
    public async Task The_vocabulary_encodes_any_text(string text)
    {
        using TemporaryFolder folder = new();
        await BenchProgram.OutputAsync("synth", "tiny", folder["tiny.gguf"]);
        using GgufFile file = GgufFile.Open(folder["tiny.gguf"]);
        Tokenizer tokenizer = Tokenizer.Create(file.Metadata);
        int[] ids = tokenizer.Encode(text);
        tokenizer.Decode(ids).Should().Be(text);
        ids.Should().HaveCountLessThan(System.Text.Encoding.UTF8.GetByteCount(text), "letters are merged");
    }

    // As the publishers state them, in billions.
    [Theory]
    [InlineData("qwen3-30b-a3b", 30.5)]
    [InlineData("qwen3-1.7b", 1.7)]
    public void Shapes_have_as_many_parameters_as_the_models_they_stand_for(string preset, double billions)
    {
        SyntheticModel model = new(ModelShape.Presets[preset], ElementType.Q4_K, ElementType.Q6_K, seed: 1);
        Math.Round(model.ParameterCount / 1e9, 1).Should().Be(billions);
    }

    private static bool AreEqual(string a, string b) => File.ReadAllBytes(a).AsSpan().SequenceEqual(File.ReadAllBytes(b));

    private static async Task<List<int>> GenerateAsync(Model model, int count)
    {
        using Context context = model.CreateContext(new ContextOptions { ContextLength = 64, Threads = 1 });
        using Session session = context.CreateSession();
        List<int> ids = [];
        GenerationOptions options = new() { MaxTokens = count, Sampling = SamplingOptions.Greedy, IgnoreEndOfGeneration = true };
        await foreach (GeneratedToken token in session.GenerateAsync("once upon a time", options))
        {
            float.IsFinite(token.LogProbability).Should().BeTrue();
            ids.Add(token.Id);
        }

        return ids;
    }
}
