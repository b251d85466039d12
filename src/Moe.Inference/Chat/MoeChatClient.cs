using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;

namespace Moe.Inference.Chat;

/// <summary>Answers conversations with one session. Every call brings all messages; the session computes only what it has not seen.</summary>
internal sealed class MoeChatClient : IChatClient
{
    // Clients of one session wait for each other, whoever made them.
    private static readonly ConditionalWeakTable<Session, SemaphoreSlim> Turns = [];

    private readonly Session _session;
    private readonly GenerationOptions _defaults;
    private readonly IReadOnlyList<IDisposable> _owned;
    private readonly SemaphoreSlim _turn;
    private readonly ChatClientMetadata _metadata;

    /// <summary>Makes a client.</summary>
    /// <param name="session">The session.</param>
    /// <param name="defaults">What holds where a call asks for nothing; null for the usual, with an answer that ends when the context is full.</param>
    /// <param name="owned">What to dispose with the client, in this order.</param>
    public MoeChatClient(Session session, GenerationOptions? defaults, params IReadOnlyList<IDisposable> owned)
    {
        _session = session;
        _defaults = WithEnd(session.Context.Model, defaults ?? new GenerationOptions { Overflow = OverflowPolicy.Stop });
        _defaults.Validate();
        _owned = owned;
        _turn = Turns.GetValue(session, _ => new SemaphoreSlim(1, 1));
        _metadata = new ChatClientMetadata("moe-inference", defaultModelId: session.Context.Model.Name);
    }

    private Model Model => _session.Context.Model;

    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in GetStreamingResponseAsync(messages, options, cancellationToken).ConfigureAwait(false))
            updates.Add(update);
        ChatResponse response = updates.ToChatResponse();
        response.RawRepresentation = updates.Select(update => update.RawRepresentation).OfType<GeneratedToken>().ToList();
        return response;
    }

    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return Answer(messages, options, cancellationToken);
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        object[] services = serviceKey is null ? [this, _metadata, _session, _session.Context, Model] : [];
        return services.FirstOrDefault(serviceType.IsInstanceOfType);
    }

    public void Dispose()
    {
        foreach (IDisposable one in _owned)
            one.Dispose();
    }

    private async IAsyncEnumerable<ChatResponseUpdate> Answer(
        IEnumerable<ChatMessage> messages, ChatOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        AnswerWriter answer = new(_metadata.DefaultModelId!);
        GenerationOptions generation = ChatOptionsMapping.Map(options, _defaults, this, _metadata.DefaultModelId!);
        int[] prompt = Conversation.Encode(Model, messages, options?.Instructions);
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await foreach (GeneratedToken token in _session.GenerateAsync(prompt, generation, cancellationToken).ConfigureAwait(false))
                yield return answer.Next(token);
            yield return answer.Last(_session.LastStatistics);
        }
        finally
        {
            _turn.Release();
        }
    }

    // Without a template the prompt is ChatML, whose end of a turn need not be a token of this vocabulary.
    private static GenerationOptions WithEnd(Model model, GenerationOptions options) =>
        model.ChatTemplate is null ? options with { StopStrings = [.. options.StopStrings, "<|im_end|>"] } : options;
}
