using Microsoft.Extensions.AI;

namespace Moe.Inference.Chat;

/// <summary>Writes the updates of one answer: one for each token, then one that tells why it ended and what it took.</summary>
internal sealed class AnswerWriter(string modelId)
{
    private readonly string _id = Guid.NewGuid().ToString("N");
    private readonly DateTimeOffset _created = DateTimeOffset.UtcNow;
    private ChatFinishReason? _finish;

    /// <summary>The update of a token; it has no content where the token completes no text.</summary>
    public ChatResponseUpdate Next(GeneratedToken token)
    {
        _finish = token.FinishReason switch
        {
            null => null,
            FinishReason.EndOfGeneration or FinishReason.StopString => ChatFinishReason.Stop,
            _ => ChatFinishReason.Length,
        };
        ChatResponseUpdate update = Update(token.Text.Length > 0 ? [new TextContent(token.Text)] : []);
        update.RawRepresentation = token;
        return update;
    }

    /// <summary>The last update.</summary>
    public ChatResponseUpdate Last(SessionStatistics statistics)
    {
        ChatResponseUpdate update = Update([new UsageContent(new UsageDetails
        {
            InputTokenCount = statistics.PromptTokens,
            CachedInputTokenCount = statistics.ReusedTokens,
            OutputTokenCount = statistics.GeneratedTokens,
            TotalTokenCount = statistics.PromptTokens + statistics.GeneratedTokens,
        })]);
        update.FinishReason = _finish;
        return update;
    }

    private ChatResponseUpdate Update(IList<AIContent> contents) => new(ChatRole.Assistant, contents)
    {
        ResponseId = _id,
        MessageId = _id,
        ModelId = modelId,
        CreatedAt = _created,
    };
}
