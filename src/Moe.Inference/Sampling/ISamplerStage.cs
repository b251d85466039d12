namespace Moe.Inference.Sampling;

/// <summary>One step of the sampler: changes the logits of candidates, or drops some of them but never all.</summary>
internal interface ISamplerStage
{
    void Apply(CandidateBuffer candidates);
}
