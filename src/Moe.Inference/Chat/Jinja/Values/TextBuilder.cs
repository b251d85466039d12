using System.Text;
using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja;

/// <summary>Puts texts together and keeps their provenance; every character is charged to the render.</summary>
internal sealed class TextBuilder(RenderState state)
{
    private readonly StringBuilder _text = new();
    private readonly List<int> _flips = [];
    private bool _first;
    private bool _last;

    public int Length => _text.Length;

    public TextBuilder Append(string text, bool trusted) => Append(text.AsSpan(), trusted);

    public TextBuilder Append(ReadOnlySpan<char> text, bool trusted)
    {
        if (text.IsEmpty)
            return this;
        state.ChargeText(text.Length);
        Limits.CheckLength((long)_text.Length + text.Length);
        if (_text.Length == 0)
            _first = trusted;
        else if (trusted != _last)
            _flips.Add(_text.Length);
        _last = trusted;
        _text.Append(text);
        return this;
    }

    public TextBuilder Append(TextValue text)
    {
        foreach ((int start, int length, bool trusted) in text.Runs())
            Append(text.Text.AsSpan(start, length), trusted);
        return this;
    }

    public TextBuilder Append(TextValue text, int start, int length) => Append(text.Part(start, length));

    /// <summary>Appends Python's <c>str</c> of a value.</summary>
    public TextBuilder Append(Value value)
    {
        if (value is TextValue text)
            return Append(text);
        Printer.Write(state, this, value, quoted: false);
        return this;
    }

    /// <summary>What has been put together so far.</summary>
    public TextValue ToText(bool markup = false) => new(_text.ToString(), _first, [.. _flips], markup);
}
