using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Moe.Inference.Chat.Jinja;
using Moe.Inference.Chat.Jinja.Library;

namespace Moe.Inference.Chat;

/// <summary>Makes what <see cref="ChatTemplateInput"/> takes of the messages and tools of Microsoft.Extensions.AI.</summary>
/// <remarks>
/// The shape is that of OpenAI's chat completions as Hugging Face's templates expect it: <c>role</c>, <c>content</c> (text),
/// <c>reasoning_content</c>, <c>name</c>, <c>tool_calls</c> with arguments as an object, and one message of the role <c>tool</c> for each
/// result of a call. Content without a meaning for the model (usage, errors) is left out.
/// </remarks>
public static class TemplateMessages
{
    /// <summary>The messages of a conversation; results of calls get the name of the function from the call.</summary>
    /// <param name="messages">The conversation.</param>
    /// <returns>An array of objects, for <see cref="ChatTemplateInput.Messages"/>.</returns>
    /// <exception cref="ChatTemplateException">A message holds an image, a file or a value that is not JSON-like.</exception>
    public static JsonArray From(IEnumerable<ChatMessage> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var converted = new JsonArray();
        var names = new Dictionary<string, string>();
        foreach (ChatMessage message in messages)
        {
            foreach (JsonObject one in Convert(message, names))
                converted.Add((JsonNode)one);
        }
        return converted;
    }

    /// <summary>One message as the messages that a template sees: one, or as many as it holds results of calls.</summary>
    /// <param name="message">The message.</param>
    /// <returns>Objects, in order.</returns>
    /// <exception cref="ChatTemplateException">The message holds an image, a file or a value that is not JSON-like.</exception>
    public static IReadOnlyList<JsonObject> From(ChatMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return Convert(message, []);
    }

    /// <summary>The functions among the tools, as <c>{"type": "function", "function": {"name", "description", "parameters"}}</c>.</summary>
    /// <param name="tools">The tools; those that are no functions (hosted ones) are left out, as a template cannot name them.</param>
    /// <returns>An array for <see cref="ChatTemplateInput.Tools"/>, or null if no function is among them.</returns>
    public static JsonArray? FromTools(IEnumerable<AITool>? tools)
    {
        var converted = new JsonArray();
        foreach (AIFunctionDeclaration function in (tools ?? []).OfType<AIFunctionDeclaration>())
        {
            converted.Add((JsonNode)new JsonObject
            {
                ["type"] = "function",
                ["function"] = new JsonObject
                {
                    ["name"] = function.Name,
                    ["description"] = function.Description,
                    ["parameters"] = Node(function.JsonSchema),
                },
            });
        }
        return converted.Count > 0 ? converted : null;
    }

    private static List<JsonObject> Convert(ChatMessage message, Dictionary<string, string> names)
    {
        var results = new List<JsonObject>();
        var calls = new JsonArray();
        string text = "";
        string reasoning = "";
        bool hasOwn = false;
        foreach (AIContent content in message.Contents)
        {
            switch (content)
            {
                case TextContent part:
                    text += part.Text;
                    hasOwn = true;
                    break;
                case TextReasoningContent part:
                    reasoning += part.Text;
                    hasOwn = true;
                    break;
                case FunctionCallContent call:
                    names[call.CallId] = call.Name;
                    calls.Add((JsonNode)ToolCall(call));
                    hasOwn = true;
                    break;
                case FunctionResultContent result:
                    results.Add(ToolResult(result, names));
                    break;
                case DataContent or UriContent or HostedFileContent or HostedVectorStoreContent:
                    throw new ChatTemplateException($"content of type {content.GetType().Name} cannot be put into a text prompt");
            }
        }
        if (hasOwn || results.Count == 0)
            results.Insert(0, Own(message, text, reasoning, calls));
        return results;
    }

    private static JsonObject Own(ChatMessage message, string text, string reasoning, JsonArray calls)
    {
        var own = new JsonObject { ["role"] = message.Role.Value, ["content"] = text };
        if (message.AuthorName is not null)
            own["name"] = message.AuthorName;
        if (reasoning.Length > 0)
            own["reasoning_content"] = reasoning;
        if (calls.Count > 0)
            own["tool_calls"] = calls;
        return own;
    }

    private static JsonObject ToolCall(FunctionCallContent call)
    {
        var arguments = new JsonObject();
        foreach ((string name, object? value) in call.Arguments ?? new Dictionary<string, object?>())
            arguments[name] = Node(value);
        return new JsonObject
        {
            ["id"] = call.CallId,
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = arguments },
        };
    }

    private static JsonObject ToolResult(FunctionResultContent result, Dictionary<string, string> names)
    {
        var message = new JsonObject { ["role"] = ChatRole.Tool.Value, ["tool_call_id"] = result.CallId };
        if (names.TryGetValue(result.CallId, out string? name))
            message["name"] = name;
        message["content"] = result.Result switch
        {
            null => "",
            string text => text,
            JsonElement { ValueKind: JsonValueKind.String } text => text.GetString(),
            object value => Json(value),
        };
        return message;
    }

    // Written as templates write JSON, with Python's blanks.
    private static string Json(object? value)
    {
        var state = new RenderState(new Scope(null), TimeProvider.System);
        return JsonText.Write(state, InputValues.From(value), JsonText.Options.Default).Text;
    }

    private static JsonNode? Node(object? value) => value is JsonNode node ? node.DeepClone() : JsonNode.Parse(Json(value));
}
