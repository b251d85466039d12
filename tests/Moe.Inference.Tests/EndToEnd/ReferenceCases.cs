using System.Text.Json;

namespace Moe.Inference.Tests.EndToEnd;

/// <summary>What Hugging Face transformers computed in float32 for one prompt.</summary>
/// <param name="Ids">The prompt's tokens.</param>
/// <param name="LastLogits">Logits of the last position.</param>
/// <param name="LogSumExp">Of each position.</param>
/// <param name="TargetLogit">The logit of the next prompt token, at each position but the last.</param>
/// <param name="Greedy">The continuation by largest logit.</param>
internal sealed record ReferenceCase(int[] Ids, float[] LastLogits, float[] LogSumExp, float[] TargetLogit, int[] Greedy)
{
    public static ReferenceCase[] Load(string path)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. document.RootElement.GetProperty("cases").EnumerateArray().Select(Read)];
    }

    private static ReferenceCase Read(JsonElement element) => new(
        [.. element.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())],
        Floats(element.GetProperty("last_logits")),
        Floats(element.GetProperty("logsumexp")),
        Floats(element.GetProperty("target_logit")),
        [.. element.GetProperty("greedy").EnumerateArray().Select(id => id.GetInt32())]);

    private static float[] Floats(JsonElement element) => [.. element.EnumerateArray().Select(number => number.GetSingle())];
}
