using Moe.Inference.Tokenization;

namespace Moe.Inference.Chat;

/// <summary>Turns a conversation into the tokens that a model continues.</summary>
public static class ChatPrompt
{
    /// <summary>
    /// Renders and encodes a conversation. Control tokens come from the template only: the same characters in a message stay characters.
    /// A model that wants a begin-of-text token gets exactly one, whether the template writes it or not.
    /// </summary>
    /// <param name="template">The model's template.</param>
    /// <param name="tokenizer">The model's vocabulary.</param>
    /// <param name="input">The conversation; its BOS and EOS texts are filled in from the vocabulary where they are null.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation.</exception>
    public static int[] Encode(ChatTemplate template, Tokenizer tokenizer, ChatTemplateInput input)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(input);
        ChatTemplateInput complete = new()
        {
            Messages = input.Messages,
            Tools = input.Tools,
            AddGenerationPrompt = input.AddGenerationPrompt,
            BosToken = input.BosToken ?? TextOf(tokenizer, tokenizer.BosToken),
            EosToken = input.EosToken ?? TextOf(tokenizer, tokenizer.EosToken),
            Variables = input.Variables,
            TimeProvider = input.TimeProvider,
        };
        IEnumerable<TextPart> parts = template.RenderSegments(complete).Select(segment => new TextPart(segment.Text, segment.FromTemplate));
        int[] ids = tokenizer.Encode(parts, addSpecial: false);
        return tokenizer.AddBos && (ids.Length == 0 || ids[0] != tokenizer.BosToken) ? [tokenizer.BosToken!.Value, .. ids] : ids;
    }

    private static string? TextOf(Tokenizer tokenizer, int? token) => token is { } id ? tokenizer.GetTokenText(id) : null;
}
