using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Extensions.AI;
using Moe.Inference;
using Moe.Inference.Chat;
using Moe.Inference.Tokenization;

namespace ChatSample;

/// <summary>
/// The messages so far and the session that computes them. Each turn renders all messages anew; the session recognizes what it has
/// computed already and computes only the rest.
/// </summary>
internal sealed class Conversation : IDisposable
{
    private readonly ChatTemplate _template;
    private readonly Tokenizer _tokenizer;
    private readonly string? _system;
    private readonly List<ChatMessage> _messages = [];
    private readonly Stack<int> _lengths = [];

    public Conversation(ChatTemplate template, Context context, string? system)
    {
        _template = template;
        _tokenizer = context.Model.Tokenizer;
        _system = system;
        Session = context.CreateSession();
        Clear();
    }

    public Session Session { get; }

    /// <summary>The messages, the system's included.</summary>
    public IReadOnlyList<ChatMessage> Messages => _messages;

    /// <summary>
    /// Asks, and streams the answer. The exchange becomes part of the conversation as far as the answer was read; if there was no answer, or
    /// an error, nothing of it does.
    /// </summary>
    public async IAsyncEnumerable<GeneratedToken> AskAsync(
        string text, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ChatMessage question = new(ChatRole.User, text);
        ChatTemplateInput input = new() { Messages = TemplateMessages.From([.. _messages, question]) };
        int[] tokens = ChatPrompt.Encode(_template, _tokenizer, input);
        if (tokens.Length == 0)
            throw new UnsupportedModelException("the model's vocabulary has no token for any of this text");
        int length = Session.Tokens.Count;
        StringBuilder answer = new();
        try
        {
            await foreach (GeneratedToken token in Session.GenerateAsync(tokens, options, cancellationToken))
            {
                answer.Append(token.Text);
                yield return token;
            }
        }
        finally
        {
            if (answer.Length > 0)
            {
                _messages.AddRange([question, new ChatMessage(ChatRole.Assistant, answer.ToString())]);
                _lengths.Push(length);
            }
        }
    }

    /// <summary>Takes the last exchange back.</summary>
    /// <returns>The question that was taken back, or null if there was none.</returns>
    public string? Undo()
    {
        int last = _messages.FindLastIndex(message => message.Role == ChatRole.User);
        if (last < 0)
            return null;
        string question = _messages[last].Text;
        _messages.RemoveRange(last, _messages.Count - last);
        Session.Rewind(Math.Min(_lengths.Pop(), Session.Tokens.Count));
        return question;
    }

    /// <summary>Begins a new conversation.</summary>
    public void Clear()
    {
        _messages.Clear();
        _lengths.Clear();
        Session.Rewind(0);
        if (_system is not null)
            _messages.Add(new ChatMessage(ChatRole.System, _system));
    }

    public void Dispose() => Session.Dispose();
}
