using System.Text;
using Moe.Inference.Sampling;

namespace Moe.Inference.Tests.EndToEnd;

/// <summary>A model split into three files against the same model in one: nothing may differ, not a bit.</summary>
public class SplitFileTests
{
    private const string Folder = "models/tiny-stories-moe";
    private const string Prompt = "Once upon a time, there was a little dog";

    [SkippableTheory]
    [InlineData(WeightLoading.Map, 1)]
    [InlineData(WeightLoading.Map, 2)]
    [InlineData(WeightLoading.Read, 1)]
    [InlineData(WeightLoading.Read, 3)]
    public async Task A_split_file_computes_what_the_single_file_does(WeightLoading loading, int part)
    {
        Output single = await Compute(SharedData.Require($"{Folder}/tiny-stories-moe-Q4_K_M.gguf"), WeightLoading.Map);
        Output split = await Compute(SharedData.Require($"{Folder}/tiny-stories-moe-Q4_K_M-split-0000{part}-of-00003.gguf"), loading);
        split.Tokens.Should().Equal(single.Tokens);
        split.Text.Should().Be(single.Text).And.NotBeEmpty();
        single.Logits.Should().Contain(bits => bits != 0);
        split.Logits.AsSpan().SequenceEqual(single.Logits).Should().BeTrue("every logit of every position is the same, bit by bit");
    }

    private static async Task<Output> Compute(string path, WeightLoading loading)
    {
        using Model model = Model.Load(path, new ModelOptions { Loading = loading });
        using Context context = model.CreateContext(new ContextOptions { ContextLength = 128, Threads = 1 });
        using Session session = context.CreateSession();
        List<int> logits = [];
        int[] prompt = model.Tokenizer.Encode(Prompt);
        await session.EvaluateAsync(prompt, (_, row) => AddBits(row, logits), _ => true);

        GenerationOptions options = new() { MaxTokens = 48, Sampling = new SamplingOptions { Seed = 5 }, IgnoreEndOfGeneration = true };
        List<int> tokens = [];
        StringBuilder text = new();
        await foreach (GeneratedToken token in session.GenerateAsync(options))
        {
            tokens.Add(token.Id);
            text.Append(token.Text);
        }

        return new Output([.. tokens], text.ToString(), [.. logits]);
    }

    private static void AddBits(ReadOnlySpan<float> row, List<int> bits)
    {
        foreach (float logit in row)
            bits.Add(BitConverter.SingleToInt32Bits(logit));
    }

    private sealed record Output(int[] Tokens, string Text, int[] Logits);
}
