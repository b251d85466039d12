using System.Text;

namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>markupsafe's escaping, which templates meet when they add plain text to the result of <c>safe</c>.</summary>
internal static class Markup
{
    public static TextValue Escape(RenderState state, TextValue text)
    {
        if (text.IsMarkup)
            return text;
        var escaped = new TextBuilder(state);
        foreach ((int start, int length, bool trusted) in text.Runs())
            escaped.Append(Escape(text.Text.AsSpan(start, length)), trusted);
        return escaped.ToText(markup: true);
    }

    private static string Escape(ReadOnlySpan<char> text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            _ = c switch
            {
                '&' => escaped.Append("&amp;"),
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '\'' => escaped.Append("&#39;"),
                '"' => escaped.Append("&#34;"),
                _ => escaped.Append(c),
            };
        }
        return escaped.ToString();
    }
}
