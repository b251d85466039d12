using Moe.Inference.Chat;

namespace Moe.Inference.Tests.Chat;

/// <summary>What is no template is refused when it is parsed, with the line.</summary>
public class JinjaSyntaxErrorTests
{
    [Theory]
    [InlineData("{{ 1", 1)]
    [InlineData("a\n{{ 1\n", 2)]
    [InlineData("\n\n{% if true %}", 3)]
    [InlineData("{% if true %}a{% endfor %}", 1)]
    [InlineData("{% for i in [1] %}\n\n", 2)]
    [InlineData("{% for i [1] %}{% endfor %}", 1)]
    [InlineData("\n{% frob %}", 2)]
    [InlineData("{{ 1 + }}", 1)]
    [InlineData("{{ (1 }}", 1)]
    [InlineData("{{ [1, 2 }}", 1)]
    [InlineData("{{ {'a' 1} }}", 1)]
    [InlineData("{{ 'abc }}", 1)]
    [InlineData("{{ ] }}", 1)]
    [InlineData("{{ a b }}", 1)]
    [InlineData("{{ }}", 1)]
    [InlineData("x\n{# never closed\n\n", 2)]
    [InlineData("{% raw %} never closed", 1)]
    [InlineData("{% set = 1 %}", 1)]
    [InlineData("{% set 1 = 2 %}", 1)]
    [InlineData("{% set none = 2 %}", 1)]
    [InlineData("{% macro m(a=1, b) %}{% endmacro %}", 1)]
    [InlineData("\n{% break %}", 2)]
    [InlineData("{% for i in [1] %}{% macro m() %}{% continue %}{% endmacro %}{% endfor %}", 1)]
    [InlineData("{% call 5 %}{% endcall %}", 1)]
    [InlineData("{{ x is string is number }}", 1)]
    [InlineData("{{ m(a=1, 2) }}", 1)]
    [InlineData("{{ a ! b }}", 1)]
    [InlineData("{% else %}", 1)]
    [InlineData("{% endif %}", 1)]
    [InlineData("{{ a. }}", 1)]
    [InlineData("{{ x|  }}", 1)]
    [InlineData("{{ '\\x4' }}", 1)]
    [InlineData("{% if %}{% endif %}", 1)]
    [InlineData("{% include 'other' %}", 1)]
    [InlineData("{{", 1)]
    [InlineData("{%", 1)]
    [InlineData("{#", 1)]
    [InlineData("{{-", 1)]
    [InlineData("{% set x %}", 1)]
    [InlineData("{{ x[] }}", 1)]
    [InlineData("{{ x[1 }}", 1)]
    [InlineData("{{ f(*a, *b) }}", 1)]
    public void A_malformed_template_is_refused(string source, int line)
    {
        Action parse = () => ChatTemplate.Parse(source);

        ChatTemplateException thrown = parse.Should().Throw<ChatTemplateException>().Which;
        thrown.Line.Should().Be(line);
        thrown.RaisedByTemplate.Should().BeFalse();
        thrown.Message.Should().Contain($"line {line}");
    }

    /// <summary>Cut anywhere, a real template parses or is refused, and nothing else.</summary>
    [Fact]
    public void A_template_cut_short_is_parsed_or_refused()
    {
        const string Source = "{%- for m in messages if m.role != 'x' %}{{- '<|' ~ m['role'][1:] + \"|>\" | trim }}{# c #}{% raw %}{{{% endraw %}"
            + "{% set ns.a, b = (1.5e3, [{'k': -x ** 2}]) %}{% macro f(a, b=1) %}{{ a is not none }}{% endmacro %}{% endfor %}";
        for (int length = 0; length < Source.Length; length++)
        {
            try
            {
                ChatTemplate.Parse(Source[..length]);
            }
            catch (ChatTemplateException)
            {
            }
        }
        ChatTemplate.Parse(Source).Source.Should().Be(Source);
    }
}
