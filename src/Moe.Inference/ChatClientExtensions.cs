using Microsoft.Extensions.AI;
using Moe.Inference.Chat;

namespace Moe.Inference;

/// <summary>Sessions as chat clients of Microsoft.Extensions.AI.</summary>
public static class ChatClientExtensions
{
    /// <summary>
    /// A chat client over a session. Every call brings the whole conversation and makes it the session's; the part that the session holds
    /// already is reused and reported as cached input. Prompts follow the model's own chat template, or ChatML if it has none.
    /// </summary>
    /// <param name="session">The session. Do not use it otherwise while a call runs.</param>
    /// <param name="defaults">
    /// What holds where a call asks for nothing; null for the defaults of <see cref="GenerationOptions"/>, except that an answer ends with
    /// <see cref="ChatFinishReason.Length"/> when the context is full.
    /// </param>
    /// <param name="ownsSession">Whether disposing the client disposes the session.</param>
    /// <returns>
    /// The client. Calls at the same time are allowed and wait for each other, also those of several clients of one session; a stream that
    /// is not yet read to its end or disposed makes the others wait. For answers side by side use several sessions of one context.
    /// </returns>
    /// <remarks>
    /// <para>
    /// Of <see cref="ChatOptions"/>, these are followed: Temperature, TopP, TopK, FrequencyPenalty, PresencePenalty, Seed,
    /// MaxOutputTokens, StopSequences, Instructions (put before the conversation's own system message), and as AdditionalProperties
    /// <c>min_p</c>, <c>typical_p</c>, <c>repetition_penalty</c>, <c>penalty_window</c>, <c>logit_bias</c> (a dictionary from
    /// <see cref="int"/> to <see cref="float"/>), <c>logprobs</c> and <c>top_logprobs</c>. RawRepresentationFactory may return
    /// <see cref="GenerationOptions"/>, which then take the place of <paramref name="defaults"/>; the other options are put on top of it.
    /// Everything else that asks for something is refused with a <see cref="NotSupportedException"/> that names it: tools, formats other
    /// than text, reasoning options, conversation ids, background responses, another model, unknown additional properties; and so is
    /// content of messages that is not text.
    /// </para>
    /// <para>
    /// The raw representation of an update is its <see cref="GeneratedToken"/>, with log-probabilities; that of a response is the list of
    /// them. <see cref="IChatClient.GetService"/> gives <see cref="ChatClientMetadata"/> and the <see cref="Session"/>,
    /// <see cref="Context"/> and <see cref="Model"/>. Errors of the session and of the template come out as they are.
    /// </para>
    /// </remarks>
    /// <exception cref="ArgumentException"><paramref name="defaults"/> are not valid; the message names the option.</exception>
    /// <exception cref="ChatTemplateException">The model's template is malformed.</exception>
    public static IChatClient AsChatClient(this Session session, GenerationOptions? defaults = null, bool ownsSession = false)
    {
        ArgumentNullException.ThrowIfNull(session);
        return new MoeChatClient(session, defaults, ownsSession ? [session] : []);
    }
}
