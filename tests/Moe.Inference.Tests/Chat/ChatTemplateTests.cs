using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Moe.Inference.Chat;

namespace Moe.Inference.Tests.Chat;

public class ChatTemplateTests
{
    [Fact]
    public void ChatMl_wraps_every_message()
    {
        ChatMessage[] conversation = [new(ChatRole.System, "Be brief."), new(ChatRole.User, "Hi\n"), new(ChatRole.Assistant, "Hello")];

        ChatTemplate.ChatMl.Render(new ChatTemplateInput { Messages = TemplateMessages.From(conversation) }).Should().Be(
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi\n<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>assistant\n");
        ChatTemplate.ChatMl.Render(new ChatTemplateInput { Messages = [], AddGenerationPrompt = false }).Should().BeEmpty();
        ChatTemplate.ChatMl.RenderSegments(new ChatTemplateInput { Messages = [], AddGenerationPrompt = false }).Should().BeEmpty();
    }

    [Fact]
    public void Variables_may_be_any_JSON_like_value()
    {
        var variables = new Dictionary<string, object?>
        {
            ["a"] = null,
            ["b"] = true,
            ["c"] = 5,
            ["d"] = 2.5f,
            ["e"] = ulong.MaxValue,
            ["f"] = 1.50m,
            ["g"] = JsonDocument.Parse("[1, 1.0, 1e2, \"x\", null, false, 123456789012345678901234567890]").RootElement,
            ["h"] = new JsonObject { ["k"] = new JsonArray(1, 2.5, "s", null, JsonValue.Create(DateTimeKind.Utc.ToString())) },
            ["i"] = new List<object?> { "x", new[] { 1, 2 } },
            ["j"] = new Dictionary<string, object?> { ["z"] = 1L },
        };
        ChatTemplate.Parse("{{ [a, b, c, d, e, f, g, h, i, j] }}").Render(new ChatTemplateInput { Messages = [], Variables = variables })
            .Should().Be("[None, True, 5, 2.5, 18446744073709551615, 1.5, [1, 1.0, 100.0, 'x', None, False, 123456789012345678901234567890], "
                + "{'k': [1, 2.5, 's', None, 'Utc']}, ['x', [1, 2]], {'z': 1}]");
    }

    [Fact]
    public void What_is_not_JSON_like_is_refused()
    {
        var input = new ChatTemplateInput { Messages = [], Variables = new Dictionary<string, object?> { ["v"] = new Version(1, 2) } };
        FluentActions.Invoking(() => ChatTemplate.ChatMl.Render(input)).Should().Throw<ChatTemplateException>().WithMessage("*System.Version*");
    }

    [Fact]
    public void What_is_not_given_is_undefined()
    {
        ChatTemplate.Parse("{{ bos_token is defined }}{{ eos_token is defined }}{{ tools is defined }}{{ messages }}{{ add_generation_prompt }}")
            .Render(new ChatTemplateInput { Messages = [] }).Should().Be("FalseFalseFalse[]True");
        ChatTemplate.Parse("{{ bos_token }}{{ tools }}")
            .Render(new ChatTemplateInput { Messages = [], BosToken = "<s>", Tools = [], Variables = new Dictionary<string, object?> { ["bos_token"] = "B" } })
            .Should().Be("B[]");
    }

    [Fact]
    public void An_objection_of_the_template_is_told_from_a_failure()
    {
        Action raise = () => ChatTemplate.Parse("\n\n{{ raise_exception('Only users!') }}").Render(new ChatTemplateInput { Messages = [] });
        ChatTemplateException thrown = raise.Should().Throw<ChatTemplateException>().Which;
        (thrown.RaisedByTemplate, thrown.Reason, thrown.Line).Should().Be((true, "Only users!", 3));

        Action fail = () => ChatTemplate.Parse("{{ 1 }}\n{{ 'a'|frobnicate }}").Render(new ChatTemplateInput { Messages = [] });
        thrown = fail.Should().Throw<ChatTemplateException>().Which;
        (thrown.RaisedByTemplate, thrown.Reason, thrown.Line).Should().Be((false, "No filter named 'frobnicate'.", 2));
    }

    [Fact]
    public void A_template_may_append_to_its_own_lists_but_not_to_the_callers()
    {
        var messages = new JsonArray(new JsonObject { ["role"] = "user" });
        ChatTemplate template = ChatTemplate.Parse("{% set _ = messages.append(1) %}{{ messages|length }}");
        for (int i = 0; i < 2; i++)
            template.Render(new ChatTemplateInput { Messages = messages }).Should().Be("2");
        messages.Should().HaveCount(1);
    }

    [Fact]
    public void Threads_share_a_template()
    {
        ChatTemplate template = ChatTemplate.Parse("{% set ns = namespace(n=0) %}{% for i in range(v) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}");
        Parallel.For(0, 200, v => template.Render(new ChatTemplateInput { Messages = [], Variables = new Dictionary<string, object?> { ["v"] = v } })
            .Should().Be((v * (v - 1) / 2).ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Nothing_is_no_template_and_no_input()
    {
        FluentActions.Invoking(() => ChatTemplate.Parse(null!)).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => ChatTemplate.ChatMl.Render(null!)).Should().Throw<ArgumentNullException>();
        ChatTemplate.Parse("").Render(new ChatTemplateInput { Messages = [] }).Should().BeEmpty();
    }
}
