using System.Numerics.Tensors;
using Moe.Inference.Sampling;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.EndToEnd;

/// <summary>Every logit against Hugging Face transformers in float32, and the greedy continuation token by token.</summary>
public class ReferenceLogitsTests
{
    private const float Tolerance = 2e-3f;

    public static TheoryData<string> Models => ["llama", "llama-rope3", "mixtral", "qwen3", "qwen3moe"];

    [SkippableTheory]
    [MemberData(nameof(Models))]
    public async Task Architectures_agree_with_the_reference(string name) =>
        await Check(SharedData.Require($"reference/architectures/{name}.gguf"), SharedData.Require($"reference/architectures/{name}.json"));

    [SkippableFact]
    public async Task A_trained_model_agrees_with_the_reference() =>
        await Check(SharedData.Require("models/tiny-stories-moe/tiny-stories-moe-f16.gguf"), SharedData.Require("models/tiny-stories-moe/hf-reference.json"));

    private static async Task Check(string modelPath, string referencePath)
    {
        using Model model = Model.Load(modelPath);
        using Context context = model.CreateContext(new ContextOptions { Exact = true, KvType = ElementType.F32, Threads = 2 });
        ReferenceCase[] cases = ReferenceCase.Load(referencePath);
        cases.Should().NotBeEmpty();
        for (int i = 0; i < cases.Length; i++)
        {
            using Session session = context.CreateSession();
            await CheckLogits(session, cases[i], $"case {i}");
            await CheckGreedy(session, cases[i], $"case {i}");
        }
    }

    private static async Task CheckLogits(Session session, ReferenceCase expected, string because)
    {
        int last = expected.Ids.Length - 1;
        await session.EvaluateAsync(
            expected.Ids,
            (index, logits) =>
            {
                float max = TensorPrimitives.Max(logits);
                float[] shifted = new float[logits.Length];
                TensorPrimitives.Subtract(logits, max, shifted);
                TensorPrimitives.Exp(shifted, shifted);
                float logSumExp = max + MathF.Log(TensorPrimitives.Sum<float>(shifted));
                logSumExp.Should().BeApproximately(expected.LogSumExp[index], Tolerance, "{0}, position {1}", because, index);
                if (index < last)
                    logits[expected.Ids[index + 1]].Should().BeApproximately(expected.TargetLogit[index], Tolerance, "{0}, position {1}", because, index);
                else
                    LargestDifference(logits, expected.LastLogits).Should().BeLessThan(Tolerance, "{0}, last position", because);
            },
            _ => true);
    }

    private static async Task CheckGreedy(Session session, ReferenceCase expected, string because)
    {
        List<int> generated = [];
        GenerationOptions options = new() { MaxTokens = expected.Greedy.Length, Sampling = SamplingOptions.Greedy, IgnoreEndOfGeneration = true };
        await foreach (GeneratedToken token in session.GenerateAsync(options))
            generated.Add(token.Id);
        generated.Should().Equal(expected.Greedy, because);
    }

    private static float LargestDifference(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        a.Length.Should().Be(b.Length);
        float[] difference = new float[a.Length];
        TensorPrimitives.Subtract(a, b, difference);
        return TensorPrimitives.MaxMagnitude<float>(difference) is var worst && float.IsNaN(worst) ? float.PositiveInfinity : MathF.Abs(worst);
    }
}
