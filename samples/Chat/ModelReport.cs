using Moe.Inference;
using Moe.Inference.Tensors;

namespace ChatSample;

/// <summary>What <c>--info</c> shows.</summary>
internal static class ModelReport
{
    public static string Of(ModelInfo info) => string.Join(Environment.NewLine, Lines(info).Select(line => $"{line.Name,-15} {line.Value}"));

    private static IEnumerable<(string Name, string Value)> Lines(ModelInfo info)
    {
        yield return ("name", info.Name);
        yield return ("file", info.Path);
        if (info.Parts.Count > 1)
            yield return ("parts", $"{info.Parts.Count:N0}");
        yield return ("architecture", info.Architecture);
        yield return ("parameters", Sizes.Count(info.ParameterCount));
        yield return ("weights", $"{Sizes.Bytes(info.WeightBytes)} in {info.TensorCount:N0} tensors");
        string mix = string.Join(", ", info.WeightBytesByType.Select(pair => $"{pair.Key} {Sizes.Bytes(pair.Value)}"));
        yield return ("quantization", info.FileType is null ? mix : $"{info.FileType}: {mix}");
        yield return ("context", $"{info.ContextLength:N0} tokens");
        yield return ("layers", $"{info.Layers:N0}");
        yield return ("experts", info.Experts == 0 ? "none (dense)" : $"{info.Experts:N0} a layer, {info.ExpertsUsed:N0} for a token");
        yield return ("vocabulary", $"{info.VocabularySize:N0} tokens");
        yield return ("chat template", info.HasChatTemplate ? "yes" : "no");
        if (info.IsSupported)
            yield return ("key/value", string.Join(", ", KvTypes(info).Select(pair => $"{pair.Type} {pair.Bytes:N0}")) + " bytes a token");
        yield return ("supported", info.UnsupportedReason is string reason ? $"no: {reason}" : "yes");
    }

    private static IEnumerable<(ElementType Type, long Bytes)> KvTypes(ModelInfo info)
    {
        foreach (ElementType type in new[] { ElementType.F32, ElementType.F16, ElementType.Q8_0 })
        {
            long bytes;
            try
            {
                bytes = info.KvBytesPerToken(type);
            }
            catch (ArgumentException)
            {
                continue;
            }

            yield return (type, bytes);
        }
    }
}
