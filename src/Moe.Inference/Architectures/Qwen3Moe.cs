using Moe.Inference.Architectures.Parts;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Architectures;

/// <summary>Qwen3 with experts: attention as in Qwen3; softmax routing, chosen weights normalized.</summary>
internal static class Qwen3Moe
{
    public static ModelGraph Build(ModelBuild build)
    {
        AttentionPart attention = new(Decoder.Rope(build), RopeStyle.Halves, NormalizeHeads: true);
        ExpertsPart experts = new(build.Shape.ExpertFeedForward, RouterGate.Softmax, Normalize: true);
        return Decoder.Build(build, attention.Add, experts.Add);
    }
}
