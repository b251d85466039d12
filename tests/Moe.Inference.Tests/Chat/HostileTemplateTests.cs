using System.Diagnostics;
using System.Text.Json.Nodes;
using Moe.Inference.Chat;

namespace Moe.Inference.Tests.Chat;

/// <summary>A template comes with a downloaded file: whatever it tries, it is stopped soon, by an exception.</summary>
public class HostileTemplateTests
{
    public static TheoryData<string, string> Sources => new()
    {
        { "nested parentheses", "{{ " + Times("(", 100_000) + "1" + Times(")", 100_000) + " }}" },
        { "nested lists", "{{ " + Times("[", 100_000) + Times("]", 100_000) + " }}" },
        { "nested dictionaries", "{{ " + Times("{1:", 100_000) + "1" + Times("}", 100_000) + " }}" },
        { "many nots", "{{ " + Times("not ", 100_000) + "1 }}" },
        { "many signs", "{{ " + Times("-", 100_000) + "1 }}" },
        { "many powers", "{{ 1" + Times("**1", 100_000) + " }}" },
        { "long sums", "{{ 1" + Times("+1", 100_000) + " }}" },
        { "long filter chains", "{{ 1" + Times("|string", 100_000) + " }}" },
        { "long filter chains of a block", "{% filter string" + Times("|string", 100_000) + " %}{% endfilter %}" },
        { "long member chains", "{{ messages" + Times("[0:]", 100_000) + " }}" },
        { "long conditionals", "{{ 1" + Times(" if 1 else 1", 100_000) + " }}" },
        { "nested ifs", Times("{% if 1 %}", 100_000) + Times("{% endif %}", 100_000) },
        { "nested fors", Times("{% for i in [1] %}", 100_000) + Times("{% endfor %}", 100_000) },
        { "nested targets", "{% set " + Times("(", 100_000) + "a" + Times(")", 100_000) + " = 1 %}" },
        { "loops in loops", Times("{% for i in range(100000) %}", 5) + Times("{% endfor %}", 5) },
        { "a range too long", "{% for i in range(1000000000000) %}{% endfor %}" },
        { "endless recursion", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}" },
        { "endless recursion through call", "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}" },
        { "endless recursive loop", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}" },
        { "a giant text", "{{ 'x' * 1000000000 }}" },
        { "a giant text in steps", "{% set ns = namespace(s='xx') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}" },
        { "a giant text by replace", "{% set s = 'x' * 100000 %}{{ s|replace('x', s) }}" },
        { "a giant text by join", "{% set s = 'x' * 1000000 %}{{ s.join(range(1000)|map('string')) }}" },
        { "giant padding", "{{ 'x'.ljust(2000000000) }}" },
        { "giant zero fill", "{{ 'x'.zfill(2000000000) }}" },
        { "a giant format", "{{ '%2000000000d' % 1 }}" },
        { "a giant center", "{{ 'x'|center(2000000000) }}" },
        { "a giant indent", "{{ 'x'|indent(2000000000, true) }}" },
        { "a giant JSON indent", "{{ [1]|tojson(indent=2000000000) }}" },
        { "a giant list", "{{ [0] * 2000000000 }}" },
        { "a giant list in steps", "{% set ns = namespace(s=[1]) %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}" },
        { "many lists", "{% for i in range(100000) %}{% set x = range(100000)|list %}{% endfor %}" },
        { "an appended list", "{% set l = [] %}{% for i in range(100000) %}{% for j in range(100000) %}{{ l.append(j) }}{% endfor %}{% endfor %}" },
        { "a list walked while it grows", "{% set l = [1] %}{% for i in l %}{% set x = l.append(1) %}{% endfor %}" },
        { "a list in itself", "{% set l = [] %}{% set x = l.append(l) %}{{ l }}" },
        { "a list in itself as JSON", "{% set l = [] %}{% set x = l.append(l) %}{{ l|tojson }}" },
        { "two lists in each other", "{% set a = [] %}{% set b = [] %}{% set x = a.append(b) %}{% set x = b.append(a) %}{{ a == b }}" },
        { "two lists in each other in order", "{% set a = [] %}{% set b = [] %}{% set x = a.append(b) %}{% set x = b.append(a) %}{{ a < b }}" },
        { "a deep value", "{% set ns = namespace(t=1) %}{% for i in range(90000) %}{% set ns.t = [ns.t] %}{% endfor %}{{ ns.t }}" },
        { "a wide value", "{% set ns = namespace(t=1) %}{% for i in range(90) %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.t|tojson }}" },
        { "a deep key", "{% set ns = namespace(t=1) %}{% for i in range(9000) %}{% set ns.t = (ns.t,) %}{% endfor %}{{ {ns.t: 1} }}" },
        { "wide values compared", "{% set a = namespace(t=1) %}{% set b = namespace(t=1) %}{% for i in range(90) %}{% set a.t = (a.t, a.t) %}"
            + "{% set b.t = (b.t, b.t) %}{% endfor %}{{ a.t == b.t }}" },
        { "deep lazy filters", "{% set ns = namespace(g=[1]) %}{% for i in range(90000) %}{% set ns.g = ns.g|map('string') %}{% endfor %}"
            + "{{ ns.g|list }}" },
        { "a giant power", "{{ 10 ** 1000000000 }}" },
        { "giant powers in steps", "{% set ns = namespace(n=10) %}{% for i in range(1000) %}{% set ns.n = ns.n * ns.n %}{% endfor %}" },
        { "giant powers with signs", "{{ (-10) ** 99999999999999999999 }}" },
        { "a giant literal", "{{ " + Times("9", 1_000_000) + " }}" },
        { "a giant hexadecimal literal", "{{ 0x" + Times("f", 1_000_000) + " }}" },
        { "slow searches", "{% set s = 'x' * 8000000 %}{% for i in range(100000) %}{{ 'y' in s }}{% endfor %}" },
        { "slow comparisons", "{% set s = 'x' * 8000000 %}{% set t = s ~ 'y' %}{% set u = s ~ 'z' %}{% for i in range(100000) %}{{ t == u }}"
            + "{% endfor %}" },
        { "slow strips", "{% set s = ' ' * 8000000 %}{% for i in range(100000) %}{{ s.strip() }}{% endfor %}" },
        { "slow slices", "{% set s = '😀' * 4000000 %}{% for i in range(100000) %}{{ s[-1] }}{% endfor %}" },
        { "slow keys", "{% set s = 'x' * 8000000 %}{% for i in range(100000) %}{{ {'a': 1}[s] }}{% endfor %}" },
        { "slow sorts", "{% for i in range(100000) %}{{ range(100000)|sort|first }}{% endfor %}" },
        { "slow splits", "{% set s = 'x ' * 4000000 %}{{ s.split() }}" },
        { "slow reverse splits", "{% set s = 'x ' * 400000 %}{{ s.rsplit(none, 399999)|length }}" },
        { "many characters", "{% for c in 'x' * 30000000 %}{% endfor %}" },
        { "a text too long for a template", Times(" ", 5_000_000) },
        { "unclosed tags", Times("{% if 1 %}", 200) },
        { "unclosed outputs", Times("{{ ", 100_000) },
        { "unclosed comments", Times("{#", 100_000) },
        { "unclosed raw", Times("{% raw %}", 100_000) },
    };

    [Theory]
    [MemberData(nameof(Sources))]
    public void Is_stopped(string what, string source)
    {
        var clock = Stopwatch.StartNew();
        Action run = () => ChatTemplate.Parse(source).Render(new ChatTemplateInput { Messages = [] });

        run.Should().Throw<ChatTemplateException>(what).Which.Reason.Length.Should().BeLessThan(300);
        // Fast is well below a second; the bound leaves room for a busy machine.
        clock.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(10), what);
    }

    [Fact]
    public void Deeply_nested_input_is_refused()
    {
        JsonNode deep = new JsonArray();
        for (int i = 0; i < 300; i++)
            deep = new JsonArray(deep);
        Action render = () => ChatTemplate.ChatMl.Render(new ChatTemplateInput { Messages = [deep] });
        render.Should().Throw<ChatTemplateException>();
    }

    [Fact]
    public void A_small_stack_gives_the_same_exception()
    {
        Exception? thrown = null;
        var thread = new Thread(
            () => thrown = Record.Exception(() => ChatTemplate.Parse("{% macro m() %}{{ [m()] }}{% endmacro %}{{ m() }}")
                .Render(new ChatTemplateInput { Messages = [] })),
            maxStackSize: 256 * 1024);
        thread.Start();
        thread.Join();
        thrown.Should().BeOfType<ChatTemplateException>();
    }

    [Fact]
    public void Long_conversations_stay_within_the_limits()
    {
        var messages = new JsonArray();
        for (int i = 0; i < 2000; i++)
            messages.Add((JsonNode)new JsonObject { ["role"] = i % 2 == 0 ? "user" : "assistant", ["content"] = new string('x', 2000) });
        string prompt = ChatTemplate.ChatMl.Render(new ChatTemplateInput { Messages = messages });
        prompt.Length.Should().BeGreaterThan(4_000_000);
    }

    private static string Times(string text, int count) => string.Concat(Enumerable.Repeat(text, count));
}
