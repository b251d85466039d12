using Moe.Inference.Architectures.Parts;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Architectures;

/// <summary>LLaMA 1 to 3 and Mistral (dense), Mixtral (experts, softmax routing, chosen weights normalized).</summary>
internal static class Llama
{
    public static ModelGraph Build(ModelBuild build)
    {
        AttentionPart attention = new(Decoder.Rope(build), RopeStyle.Pairs);
        ExpertsPart experts = new(build.Shape.FeedForward, RouterGate.Softmax, Normalize: true);
        return Decoder.Build(build, attention.Add, build.Shape.Experts > 0 ? experts.Add : FeedForwardPart.Add);
    }
}
