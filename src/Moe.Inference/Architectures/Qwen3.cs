using Moe.Inference.Architectures.Parts;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Architectures;

/// <summary>Qwen3 (dense): grouped-query attention with normalized heads.</summary>
internal static class Qwen3
{
    public static ModelGraph Build(ModelBuild build)
    {
        AttentionPart attention = new(Decoder.Rope(build), RopeStyle.Halves, NormalizeHeads: true);
        return Decoder.Build(build, attention.Add, FeedForwardPart.Add);
    }
}
