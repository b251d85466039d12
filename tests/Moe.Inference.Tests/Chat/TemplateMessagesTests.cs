using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Moe.Inference.Chat;

namespace Moe.Inference.Tests.Chat;

/// <summary>Messages and tools of Microsoft.Extensions.AI in the shape that templates expect.</summary>
public class TemplateMessagesTests
{
    [Fact]
    public void A_conversation_with_calls_becomes_OpenAI_shaped_messages()
    {
        ChatMessage[] conversation =
        [
            new(ChatRole.System, "Be brief."),
            new(ChatRole.User, [new TextContent("Weather "), new TextContent("in Paris?")]) { AuthorName = "Ann" },
            new(ChatRole.Assistant,
            [
                new TextReasoningContent("I need a tool."),
                new FunctionCallContent("c1", "get_weather", new Dictionary<string, object?> { ["city"] = "Paris", ["days"] = 2, ["exact"] = null }),
                new FunctionCallContent("c2", "get_time", null),
            ]),
            new(ChatRole.Tool, [new FunctionResultContent("c1", JsonSerializer.SerializeToElement(new { temp = 21.0, sky = "clear" })), new FunctionResultContent("c2", "noon")]),
            new(ChatRole.Assistant, "It is 21.") { Contents = { new UsageContent(new UsageDetails()) } },
        ];

        JsonNode expected = JsonNode.Parse(
            """
            [
              {"role": "system", "content": "Be brief."},
              {"role": "user", "content": "Weather in Paris?", "name": "Ann"},
              {"role": "assistant", "content": "", "reasoning_content": "I need a tool.", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Paris", "days": 2, "exact": null}}},
                {"id": "c2", "type": "function", "function": {"name": "get_time", "arguments": {}}}]},
              {"role": "tool", "tool_call_id": "c1", "name": "get_weather", "content": "{\"temp\": 21, \"sky\": \"clear\"}"},
              {"role": "tool", "tool_call_id": "c2", "name": "get_time", "content": "noon"},
              {"role": "assistant", "content": "It is 21."}
            ]
            """)!;
        JsonArray actual = TemplateMessages.From(conversation);
        JsonNode.DeepEquals(actual, expected).Should().BeTrue(actual.ToJsonString());
    }

    [Fact]
    public void One_message_stands_for_itself()
    {
        JsonObject only = TemplateMessages.From(new ChatMessage(ChatRole.User, "Hi")).Should().ContainSingle().Which;
        only.ToJsonString().Should().Be("""{"role":"user","content":"Hi"}""");
        TemplateMessages.From(new ChatMessage(ChatRole.User, (string?)null)).Should().ContainSingle()
            .Which.ToJsonString().Should().Be("""{"role":"user","content":""}""");
    }

    [Fact]
    public void Functions_become_tools()
    {
        AIFunction function = AIFunctionFactory.Create((string city) => city.Length, "measure", "Measures a city.");
        JsonArray tools = TemplateMessages.FromTools([function, new HostedWebSearchTool()])!;

        JsonNode tool = tools.Should().ContainSingle().Which!;
        tool["type"]!.GetValue<string>().Should().Be("function");
        tool["function"]!["name"]!.GetValue<string>().Should().Be("measure");
        tool["function"]!["description"]!.GetValue<string>().Should().Be("Measures a city.");
        tool["function"]!["parameters"]!["properties"]!["city"]!["type"]!.GetValue<string>().Should().Be("string");
        TemplateMessages.FromTools(null).Should().BeNull();
        TemplateMessages.FromTools([new HostedWebSearchTool()]).Should().BeNull();
    }

    [Fact]
    public void What_is_no_text_is_refused()
    {
        var image = new ChatMessage(ChatRole.User, [new DataContent("data:image/png;base64,AAAA")]);
        FluentActions.Invoking(() => TemplateMessages.From(image)).Should().Throw<ChatTemplateException>().WithMessage("*DataContent*");
        var strange = new ChatMessage(ChatRole.Tool, [new FunctionResultContent("c", new Version(1, 2))]);
        FluentActions.Invoking(() => TemplateMessages.From(strange)).Should().Throw<ChatTemplateException>().WithMessage("*System.Version*");
    }
}
