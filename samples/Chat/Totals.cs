using Moe.Inference;

namespace ChatSample;

/// <summary>What all answers together took.</summary>
internal sealed class Totals
{
    private int _answers;
    private long _prompt;
    private long _reused;
    private long _generated;
    private TimeSpan _promptTime;
    private TimeSpan _generationTime;

    public void Add(SessionStatistics statistics)
    {
        _answers++;
        _prompt += statistics.PromptTokens;
        _reused += statistics.ReusedTokens;
        _generated += statistics.GeneratedTokens;
        _promptTime += statistics.PromptTime;
        _generationTime += statistics.GenerationTime;
    }

    /// <summary>Some lines about the conversation and all answers so far, those before a /clear included.</summary>
    public string Describe(Conversation conversation)
    {
        Context context = conversation.Session.Context;
        int held = conversation.Session.Tokens.Count;
        return $"""
            conversation    {conversation.Messages.Count:N0} messages; {held:N0} of {context.ContextLength:N0} tokens are in memory
            key/value       {Sizes.Bytes(context.KvBytes)}
            answers         {_answers:N0}
            prompt          {_prompt:N0} tokens, of which {_reused:N0} were reused, in {_promptTime.TotalSeconds:N2} s
            generated       {_generated:N0} tokens in {_generationTime.TotalSeconds:N2} s
            """;
    }
}
