namespace Moe.Inference;

/// <summary>
/// A chat template cannot be parsed or rendered: a syntax error, an operation its values do not allow, a limit that it exceeded,
/// or an objection of its own to the messages (<c>raise_exception</c>).
/// </summary>
public sealed class ChatTemplateException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="reason">What is wrong, without the line.</param>
    /// <param name="line">Line of the template, from 1; 0 if no line is to blame.</param>
    /// <param name="raisedByTemplate">Whether the template itself objected.</param>
    /// <param name="inner">The cause, if any.</param>
    public ChatTemplateException(string reason, int line = 0, bool raisedByTemplate = false, Exception? inner = null)
        : base(line > 0 ? $"{reason} (line {line} of the chat template)" : reason, inner)
    {
        Reason = reason;
        Line = line;
        RaisedByTemplate = raisedByTemplate;
    }

    /// <summary>What is wrong, without the line; for <see cref="RaisedByTemplate"/>, the template's own words.</summary>
    public string Reason { get; }

    /// <summary>Line of the template, from 1; 0 if no line is to blame.</summary>
    public int Line { get; }

    /// <summary>Whether the template called <c>raise_exception</c>: it is well, but refuses these messages.</summary>
    public bool RaisedByTemplate { get; }
}
