using Microsoft.Extensions.AI;

namespace Moe.Inference.Chat;

/// <summary>Makes a prompt of the messages of a call.</summary>
internal static class Conversation
{
    /// <summary>The tokens that the model continues with its answer.</summary>
    /// <param name="model">The model; its template is used, or ChatML if it has none.</param>
    /// <param name="messages">All messages, oldest first.</param>
    /// <param name="instructions">
    /// Instructions of the call. They become the system message; a conversation that begins with one keeps it below them, as many templates
    /// take one system message only.
    /// </param>
    /// <exception cref="NotSupportedException">A message holds something that cannot be put into a text prompt; its type is named.</exception>
    /// <exception cref="ArgumentException">There is nothing to answer.</exception>
    /// <exception cref="ChatTemplateException">The template refuses the conversation.</exception>
    public static int[] Encode(Model model, IEnumerable<ChatMessage> messages, string? instructions)
    {
        List<ChatMessage> all = [.. messages];
        if (!string.IsNullOrEmpty(instructions))
            Instruct(all, instructions);
        if (all.Count == 0)
            throw new ArgumentException("there are no messages", nameof(messages));
        foreach (AIContent content in all.SelectMany(message => message.Contents))
            Check(content);
        return ChatPrompt.Encode(model.ChatTemplate ?? ChatTemplate.ChatMl, model.Tokenizer, new ChatTemplateInput { Messages = TemplateMessages.From(all) });
    }

    private static void Instruct(List<ChatMessage> messages, string instructions)
    {
        if (messages is [{ } first, ..] && first.Role == ChatRole.System)
            messages[0] = new ChatMessage(ChatRole.System, [new TextContent(instructions + "\n\n"), .. first.Contents]) { AuthorName = first.AuthorName };
        else
            messages.Insert(0, new ChatMessage(ChatRole.System, instructions));
    }

    // Usage and errors come along when the updates of an answer are put back into the conversation; they are nothing the model said.
    private static void Check(AIContent content)
    {
        if (content is not (TextContent or TextReasoningContent or FunctionCallContent or FunctionResultContent or UsageContent or ErrorContent))
            throw new NotSupportedException($"a message holds {content.GetType().Name}, which cannot be put into a text prompt");
    }
}
