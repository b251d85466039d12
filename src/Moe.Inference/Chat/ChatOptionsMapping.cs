using Microsoft.Extensions.AI;

namespace Moe.Inference.Chat;

/// <summary>Makes <see cref="GenerationOptions"/> of <see cref="ChatOptions"/>. What cannot be done is refused, never ignored.</summary>
internal static class ChatOptionsMapping
{
    /// <summary>The options of one call.</summary>
    /// <param name="options">What the caller asks for; null for nothing.</param>
    /// <param name="defaults">What holds where the caller asks for nothing.</param>
    /// <param name="client">The client, for <see cref="ChatOptions.RawRepresentationFactory"/>.</param>
    /// <param name="modelId">The only model that may be asked for.</param>
    /// <exception cref="NotSupportedException">An option is not supported; the message names it.</exception>
    /// <exception cref="ArgumentException">An option has no valid value; the message names it.</exception>
    public static GenerationOptions Map(ChatOptions? options, GenerationOptions defaults, IChatClient client, string modelId)
    {
        if (options is null)
            return defaults;
        Refuse(options, modelId);
        GenerationOptions start = StartFrom(options, defaults, client);
        GenerationOptions mapped = start with
        {
            MaxTokens = options.MaxOutputTokens ?? start.MaxTokens,
            StopStrings = [.. start.StopStrings, .. options.StopSequences ?? []],
            Sampling = start.Sampling with
            {
                Temperature = options.Temperature ?? start.Sampling.Temperature,
                TopP = options.TopP ?? start.Sampling.TopP,
                TopK = options.TopK ?? start.Sampling.TopK,
                FrequencyPenalty = options.FrequencyPenalty ?? start.Sampling.FrequencyPenalty,
                PresencePenalty = options.PresencePenalty ?? start.Sampling.PresencePenalty,
                Seed = options.Seed is { } seed ? unchecked((ulong)seed) : start.Sampling.Seed,
            },
        };
        mapped = AdditionalOptions.Apply(mapped, options.AdditionalProperties);
        // Told now rather than after the call has waited for its turn.
        mapped.Validate();
        return mapped;
    }

    private static GenerationOptions StartFrom(ChatOptions options, GenerationOptions defaults, IChatClient client) =>
        options.RawRepresentationFactory?.Invoke(client) switch
        {
            null => defaults,
            GenerationOptions raw => raw,
            object other => throw Refused(nameof(options.RawRepresentationFactory), $"it returned {other.GetType()}, not {typeof(GenerationOptions)}"),
        };

    private static void Refuse(ChatOptions options, string modelId)
    {
        if (options.ModelId is { } asked && asked != modelId)
            throw Refused(nameof(options.ModelId), $"'{asked}' was asked for, this client runs '{modelId}'");
        if (options.Tools is { Count: > 0 })
            throw Refused(nameof(options.Tools), "tools cannot be offered to the model");
        if (options.ToolMode is not (null or AutoChatToolMode or NoneChatToolMode))
            throw Refused(nameof(options.ToolMode), "a tool call cannot be required");
        if (options.AllowMultipleToolCalls is not null)
            throw Refused(nameof(options.AllowMultipleToolCalls), "tools cannot be offered to the model");
        if (options.ResponseFormat is not (null or ChatResponseFormatText))
            throw Refused(nameof(options.ResponseFormat), "only text can be asked for");
        if (options.ConversationId is not null)
            throw Refused(nameof(options.ConversationId), "every call brings all messages; what repeats is reused by itself");
        if (options.Reasoning is not null)
            throw Refused(nameof(options.Reasoning), "reasoning cannot be steered");
        // Marked as subject to change; they are only compared with their defaults here.
#pragma warning disable MEAI001
        if (options.AllowBackgroundResponses is true)
            throw Refused(nameof(options.AllowBackgroundResponses), "responses are made while the caller waits");
        if (options.ContinuationToken is not null)
            throw Refused(nameof(options.ContinuationToken), "responses are made while the caller waits");
#pragma warning restore MEAI001
    }

    private static NotSupportedException Refused(string option, string reason) => new($"ChatOptions.{option} is not supported here: {reason}");
}
