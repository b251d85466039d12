using System.Text.Json.Nodes;

namespace Moe.Inference.Chat;

/// <summary>What a chat template is rendered with.</summary>
public sealed class ChatTemplateInput
{
    /// <summary>
    /// The conversation in the shape of OpenAI's chat completions: objects with <c>role</c>, <c>content</c> and what else the template
    /// knows (<c>tool_calls</c>, <c>reasoning_content</c>, …). Arguments of tool calls are objects, not text.
    /// See <see cref="TemplateMessages"/> for making it from <see cref="Microsoft.Extensions.AI.ChatMessage"/>.
    /// </summary>
    public required IEnumerable<JsonNode?> Messages { get; init; }

    /// <summary>
    /// The tools on offer, each <c>{"type": "function", "function": {"name", "description", "parameters"}}</c>; null leaves
    /// <c>tools</c> undefined.
    /// </summary>
    public IEnumerable<JsonNode?>? Tools { get; init; }

    /// <summary>Whether to end with what makes the model answer as the assistant.</summary>
    public bool AddGenerationPrompt { get; init; } = true;

    /// <summary>Text of the token that begins a sequence, as <c>bos_token</c>; null leaves it undefined.</summary>
    public string? BosToken { get; init; }

    /// <summary>Text of the token that ends a sequence, as <c>eos_token</c>; null leaves it undefined.</summary>
    public string? EosToken { get; init; }

    /// <summary>
    /// More variables, such as <c>enable_thinking</c>; they win over the ones above. Values: null, <see cref="bool"/>, strings, numbers,
    /// <see cref="JsonNode"/>, <see cref="System.Text.Json.JsonElement"/>, and dictionaries (of strings) and sequences of these.
    /// Text in them counts as the conversation's, not the template's.
    /// </summary>
    public IReadOnlyDictionary<string, object?>? Variables { get; init; }

    /// <summary>The clock that <c>strftime_now</c> reads, in its local time zone.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
