using Moe.Inference.Chat.Jinja;
using Moe.Inference.Chat.Jinja.Library;
using Moe.Inference.Chat.Jinja.Syntax;

namespace Moe.Inference.Chat;

/// <summary>
/// A model's chat template: turns a conversation into the prompt that the model was trained on. It is written in Jinja (as in
/// Jinja2 3.1) and runs as in Hugging Face's <c>apply_chat_template</c>: <c>trim_blocks</c>, <c>lstrip_blocks</c>, loop controls,
/// <c>tojson</c> as Python's <c>json.dumps</c>, <c>raise_exception</c>, <c>strftime_now</c>, <c>{% generation %}</c>.
/// </summary>
/// <remarks>
/// Immutable and thread-safe. Templates come with downloaded files, so they have no access to anything but their input, and a render is
/// stopped at 10 million steps, 64 MB of text, or a nesting of 2,000.
/// </remarks>
public sealed class ChatTemplate
{
    // Roles are set by the application and name control tokens in some templates ('<|' + role + '|>'), so the usual ones count as the
    // template's own words. Anything else in their place does not.
    private static readonly HashSet<string> KnownRoles =
        ["system", "developer", "user", "assistant", "tool", "function", "ipython", "observation", "model"];

    private readonly Block _body;

    private ChatTemplate(string source, Block body)
    {
        Source = source;
        _body = body;
    }

    /// <summary>
    /// The fallback for a model that brings no template: ChatML, in which each message is
    /// <c>&lt;|im_start|&gt;role⏎content&lt;|im_end|&gt;⏎</c>. A model that was not trained on it may answer poorly.
    /// </summary>
    public static ChatTemplate ChatMl { get; } = Parse(
        """
        {%- for message in messages -%}
        {{ '<|im_start|>' + message.role + '\n' + (message.content or '') + '<|im_end|>\n' }}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
        {{ '<|im_start|>assistant\n' }}
        {%- endif -%}
        """);

    /// <summary>The template as it was given.</summary>
    public string Source { get; }

    /// <summary>Parses a template.</summary>
    /// <param name="source">The template, as <c>tokenizer.chat_template</c> of a GGUF file holds it; up to 4 million characters.</param>
    /// <returns>The template, ready to render.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="source"/> is null.</exception>
    /// <exception cref="ChatTemplateException">The template is malformed; the exception has the line.</exception>
    public static ChatTemplate Parse(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new ChatTemplate(source, Parser.Parse(source));
    }

    /// <summary>Renders the prompt as one text.</summary>
    /// <param name="input">The conversation and the variables.</param>
    /// <returns>The prompt. To encode it safely use <see cref="RenderSegments"/>.</returns>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, fails on it, or exceeds a limit.</exception>
    public string Render(ChatTemplateInput input) => RenderText(input).Text;

    /// <summary>
    /// Renders the prompt and tells the template's own text from what the conversation put in, so that a user who writes
    /// <c>&lt;|im_end|&gt;</c> does not end the turn. Neighbours differ in where they come from; all texts together are what
    /// <see cref="Render"/> gives.
    /// </summary>
    /// <param name="input">The conversation and the variables.</param>
    /// <returns>The prompt's parts, in order; none if it is empty.</returns>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, fails on it, or exceeds a limit.</exception>
    public IReadOnlyList<PromptSegment> RenderSegments(ChatTemplateInput input)
    {
        TextValue text = RenderText(input);
        return [.. text.Runs().Select(run => new PromptSegment(text.Text.Substring(run.Start, run.Length), run.Trusted))];
    }

    private TextValue RenderText(ChatTemplateInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var scope = new Scope(Globals.NewScope());
        scope.Set("messages", new ListValue([.. input.Messages.Select(Message)]));
        if (input.Tools is not null)
            scope.Set("tools", InputValues.From(input.Tools));
        scope.Set("add_generation_prompt", BoolValue.Of(input.AddGenerationPrompt));
        if (input.BosToken is not null)
            scope.Set("bos_token", new TextValue(input.BosToken, trusted: true));
        if (input.EosToken is not null)
            scope.Set("eos_token", new TextValue(input.EosToken, trusted: true));
        foreach ((string name, object? value) in input.Variables ?? new Dictionary<string, object?>())
            scope.Set(name, InputValues.From(value));

        var state = new RenderState(scope, input.TimeProvider);
        try
        {
            _body.Execute(state);
            return state.Output.ToText();
        }
        catch (ChatTemplateException e) when (e.Line == 0)
        {
            throw new ChatTemplateException(e.Reason, state.Line, e.RaisedByTemplate, e);
        }
    }

    private static Value Message(System.Text.Json.Nodes.JsonNode? node)
    {
        Value message = InputValues.From(node);
        var role = new TextValue("role", trusted: true);
        if (message is DictValue dict && dict.Item(role) is TextValue { Text: var name } && KnownRoles.Contains(name))
            dict.Set(role, new TextValue(name, trusted: true));
        return message;
    }
}
