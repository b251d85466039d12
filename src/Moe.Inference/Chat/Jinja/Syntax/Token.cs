namespace Moe.Inference.Chat.Jinja.Syntax;

internal enum TokenKind
{
    /// <summary>Text between tags.</summary>
    Data,
    OutputBegin,
    OutputEnd,
    TagBegin,
    TagEnd,
    Name,
    Text,
    Integer,
    Float,
    Operator,
    End,
}

/// <summary>A token; its text is decoded for <see cref="TokenKind.Text"/> and as written otherwise.</summary>
internal readonly record struct Token(TokenKind Kind, string Text, int Line)
{
    public bool Is(TokenKind kind, string text) => Kind == kind && Text == text;

    /// <summary>The token as an error message names it, in Jinja's words.</summary>
    public override string ToString() => Kind switch
    {
        TokenKind.OutputBegin => "begin of print statement",
        TokenKind.OutputEnd => "end of print statement",
        TokenKind.TagBegin => "begin of statement block",
        TokenKind.TagEnd => "end of statement block",
        TokenKind.Data => "template data / text",
        TokenKind.End => "end of template",
        _ => Text,
    };
}
