namespace Moe.Inference.Sampling;

/// <summary>Runs the user's logit processors, in their order.</summary>
internal sealed class LogitProcessorStage(ILogitProcessor[] processors, TokenHistory history) : ISamplerStage
{
    public void Apply(CandidateBuffer candidates)
    {
        foreach (ILogitProcessor processor in processors)
            processor.Process(history.Tokens, candidates.Logits);
    }
}
