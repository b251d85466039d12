using System.Text.Json.Nodes;
using Moe.Inference.Chat;

namespace Moe.Inference.Tests.Chat;

/// <summary>Feature by feature, the language gives what Jinja2 gave for the same lines (<c>jinja2-reference.json</c>).</summary>
public class JinjaReferenceTests
{
    private static readonly JsonNode Reference = JsonNode.Parse(File.ReadAllText(
        Path.Combine(SharedData.RepositoryRoot, "tests", "Moe.Inference.Tests", "Chat", "jinja2-reference.json")))!;

    public static TheoryData<string, string> Expressions => Rows("expressions");

    public static TheoryData<string, string> Statements => Rows("statements");

    public static TheoryData<string, string> Errors => Rows("errors");

    [Theory]
    [MemberData(nameof(Expressions))]
    public void An_expression_prints_what_Python_prints(string source, string expected) => Render(source).Should().Be(expected);

    [Theory]
    [MemberData(nameof(Statements))]
    public void A_statement_does_what_it_does_in_Jinja2(string source, string expected) => Render(source).Should().Be(expected);

    [Theory]
    [MemberData(nameof(Errors))]
    public void An_error_says_what_Python_says(string source, string message)
    {
        Action render = () => Render(source);

        ChatTemplateException thrown = render.Should().Throw<ChatTemplateException>().Which;
        thrown.Reason.Should().Be(message);
        thrown.Line.Should().Be(1 + source.Split("{{ raise")[0].Split("{{ missing.x")[0].Count(c => c == '\n'));
    }

    [Theory]
    [MemberData(nameof(Expressions))]
    [MemberData(nameof(Statements))]
    public void Segments_add_up_to_the_text(string source, string expected) =>
        string.Concat(ChatTemplate.Parse(source).RenderSegments(Input()).Select(segment => segment.Text)).Should().Be(expected);

    private static string Render(string source) => ChatTemplate.Parse(source).Render(Input());

    private static ChatTemplateInput Input() => new()
    {
        Messages = [],
        Variables = Reference["variables"]!.AsObject().ToDictionary(entry => entry.Key, entry => (object?)entry.Value),
        TimeProvider = new FixedTime(new DateTime(2026, 3, 4, 15, 9, 26)),
    };

    private static TheoryData<string, string> Rows(string section)
    {
        var rows = new TheoryData<string, string>();
        foreach (JsonNode? row in Reference[section]!.AsArray())
            rows.Add(row![0]!.GetValue<string>(), row[1]!.GetValue<string>());
        return rows;
    }
}
