using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Moe.Inference.Engine;
using Moe.Inference.Kv;

namespace Moe.Inference;

/// <summary>
/// One conversation: its tokens and its place in key/value memory. One request at a time; a second one while the first still runs is
/// refused. Several sessions of one context may run at once and share batches.
/// </summary>
public sealed class Session : IDisposable
{
    private readonly Sequence _sequence;
    private int _busy;
    private bool _disposed;

    internal Session(Context context, Sequence sequence)
    {
        Context = context;
        _sequence = sequence;
    }

    /// <summary>The context.</summary>
    public Context Context { get; }

    /// <summary>The conversation's tokens, given and generated. Do not read it while a request runs.</summary>
    public IReadOnlyList<int> Tokens => _sequence.Tokens;

    /// <summary>How many of <see cref="Tokens"/> have their keys and values in memory; the rest is computed by the next request.</summary>
    public int ComputedTokens => _sequence.Kv.Length;

    /// <summary>What the last request took.</summary>
    public SessionStatistics LastStatistics { get; private set; }

    /// <summary>Adds tokens to the conversation; they are computed by the next request.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary.</exception>
    /// <exception cref="ContextOverflowException">The conversation would be longer than the context.</exception>
    public void Append(ReadOnlySpan<int> tokens)
    {
        using Lease lease = Enter();
        AppendCore(tokens);
    }

    /// <summary>Adds text to the conversation. Nothing in the text becomes a control token.</summary>
    /// <inheritdoc cref="Append(ReadOnlySpan{int})"/>
    public void Append(string text) => Append(Context.Model.Tokenizer.Encode(text, parseSpecial: false, addSpecial: Tokens.Count == 0));

    /// <summary>Makes the conversation equal to the given tokens. What it begins with already stays in memory; the rest is computed by the next request.</summary>
    /// <returns>How many tokens were kept.</returns>
    /// <inheritdoc cref="Append(ReadOnlySpan{int})" path="/exception"/>
    public int SetTokens(ReadOnlySpan<int> tokens)
    {
        using Lease lease = Enter();
        return SetTokensCore(tokens);
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on; costs nothing.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The conversation is shorter than that.</exception>
    public void Rewind(int length)
    {
        using Lease lease = Enter();
        if (length < 0 || length > _sequence.Tokens.Count)
            throw new ArgumentOutOfRangeException(nameof(length), length, $"the conversation holds {_sequence.Tokens.Count} tokens");
        RewindCore(length);
    }

    /// <summary>A second conversation that begins with this one's tokens; their memory is shared until one of the two writes.</summary>
    public Session Fork()
    {
        using Lease lease = Enter();
        KvSequence? kv = null;
        OnEngine(() => kv = _sequence.Kv.Fork());
        Sequence fork = new(kv!, _sequence.Limit);
        fork.Tokens.AddRange(_sequence.Tokens);
        return new Session(Context, fork);
    }

    /// <summary>Appends tokens, computes them, and hands out the logits of those positions that are wanted: for scoring, perplexity, research.</summary>
    /// <param name="tokens">Tokens to append, at least one.</param>
    /// <param name="receiver">Takes the logits of each wanted position, in order, on the engine's thread.</param>
    /// <param name="wanted">Says which positions of <paramref name="tokens"/>, from 0, are wanted; null for the last one. May be asked more than once.</param>
    /// <param name="cancellationToken">Stops between steps; tokens not yet computed stay in the conversation.</param>
    /// <inheritdoc cref="Append(ReadOnlySpan{int})" path="/exception"/>
    public async Task EvaluateAsync(ReadOnlyMemory<int> tokens, LogitsReceiver receiver, Func<int, bool>? wanted = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        if (tokens.IsEmpty)
            throw new ArgumentException("there is nothing to evaluate", nameof(tokens));
        using Lease lease = Enter();
        int count = tokens.Length;
        wanted ??= index => index == count - 1;
        AppendCore(tokens.Span);
        int first = _sequence.Tokens.Count - count;
        KeepBefore(first, wanted);
        if (_sequence.Pending == 0)
            return;
        EvaluateRequest request = new(_sequence, first, wanted, receiver, cancellationToken);
        Context.Engine.Submit(request);
        await request.Completion.ConfigureAwait(false);
    }

    /// <summary>Appends tokens, computes them, and returns the logits after the last one.</summary>
    /// <returns>One number per token of the vocabulary.</returns>
    /// <inheritdoc cref="EvaluateAsync"/>
    public float[] Evaluate(ReadOnlySpan<int> tokens, CancellationToken cancellationToken = default)
    {
        float[] result = [];
        EvaluateAsync(tokens.ToArray(), (_, logits) => result = logits.ToArray(), cancellationToken: cancellationToken).GetAwaiter().GetResult();
        return result;
    }

    /// <summary>Makes the conversation equal to the given tokens, reusing what is in memory of them, and generates what follows.</summary>
    /// <inheritdoc cref="GenerateAsync(GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(ReadOnlyMemory<int> prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Generate(prompt, options, cancellationToken);

    /// <summary>Makes the conversation equal to the given text, reusing what is in memory of it, and generates what follows. Nothing in the text becomes a control token.</summary>
    /// <inheritdoc cref="GenerateAsync(GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Generate(Context.Model.Tokenizer.Encode(prompt), options, cancellationToken);

    /// <summary>Generates what follows the conversation. Generated tokens become part of it, as far as they were read.</summary>
    /// <param name="options">How; null for defaults.</param>
    /// <param name="cancellationToken">Stops within one step.</param>
    /// <exception cref="InvalidOperationException">The conversation is empty, or another request runs.</exception>
    /// <exception cref="ContextOverflowException">The context is full and the policy is to throw, or other sessions hold its memory.</exception>
    /// <exception cref="DeviceException">A device failed.</exception>
    public IAsyncEnumerable<GeneratedToken> GenerateAsync(GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        Generate(null, options, cancellationToken);

    /// <summary>Gives the conversation's memory back.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        using (Enter())
            _disposed = true;
        try
        {
            OnEngine(_sequence.Dispose);
        }
        catch (Exception gone) when (gone is InvalidOperationException or DeviceException { DeviceLost: true })
        {
            // The context was disposed or lost first, and all its memory with it.
        }
    }

    private async IAsyncEnumerable<GeneratedToken> Generate(ReadOnlyMemory<int>? prompt, GenerationOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        options ??= new GenerationOptions();
        options.Validate();
        using Lease lease = Enter();
        if (prompt is { } tokens)
            SetTokensCore(tokens.Span);
        if (_sequence.Tokens.Count == 0)
            throw new InvalidOperationException("the conversation is empty: there is nothing to continue");
        // Logits come from computing a token, so at least the last one must be computed.
        if (_sequence.Pending == 0)
            RewindKv(_sequence.Tokens.Count - 1);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        GenerateRequest request = new(
            _sequence, _sequence.Tokens.Count, _sequence.Kv.Length, options, Context.Model.Tokenizer, Context.Model.Graph.Logits.Width, stop.Token);
        Context.Engine.Submit(request);
        try
        {
            while (await request.WaitToReadAsync().ConfigureAwait(false))
            {
                // Asked before a token is taken: one that is taken but not handed out would be part of the conversation unseen.
                while (!cancellationToken.IsCancellationRequested && request.TryRead(out GeneratedToken? token, out bool resumes))
                {
                    if (resumes)
                        Context.Engine.Wake();
                    yield return token;
                }

                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            Context.Engine.Wake();
            await request.Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            LastStatistics = request.Statistics;
            ForgetUnread(request);
        }
    }

    // The conversation is what the reader has seen: tokens generated ahead of a reader that left are taken back.
    private void ForgetUnread(GenerateRequest request)
    {
        int unread = 0;
        while (request.TryRead(out _, out _))
            unread++;
        if (unread > 0)
            RewindCore(_sequence.Tokens.Count - unread);
    }

    private void AppendCore(ReadOnlySpan<int> tokens)
    {
        int vocabulary = Context.Model.Graph.Logits.Width;
        foreach (int token in tokens)
        {
            if ((uint)token >= (uint)vocabulary)
                throw new ArgumentOutOfRangeException(nameof(tokens), token, $"the vocabulary has {vocabulary} tokens");
        }

        if (_sequence.Tokens.Count + tokens.Length > _sequence.Limit)
            throw new ContextOverflowException(_sequence.Tokens.Count + tokens.Length, _sequence.Limit, "the tokens do not fit the context; create it with a larger ContextLength");
        _sequence.Tokens.AddRange(tokens);
        if (_sequence.Kv.Length == 0)
            OnEngine(() => _sequence.Kv.Adopt(CollectionsMarshal.AsSpan(_sequence.Tokens)));
    }

    // What was taken over from other conversations has no logits: it is computed again from the first position that is wanted.
    private void KeepBefore(int first, Func<int, bool> wanted)
    {
        for (int index = first; index < _sequence.Kv.Length; index++)
        {
            if (wanted(index - first))
            {
                RewindKv(index);
                return;
            }
        }
    }

    private int SetTokensCore(ReadOnlySpan<int> tokens)
    {
        int kept = CollectionsMarshal.AsSpan(_sequence.Tokens).CommonPrefixLength(tokens);
        RewindCore(kept);
        AppendCore(tokens[kept..]);
        return _sequence.Kv.Length;
    }

    private void RewindCore(int length)
    {
        _sequence.Tokens.RemoveRange(length, _sequence.Tokens.Count - length);
        RewindKv(length);
    }

    private void RewindKv(int length)
    {
        if (_sequence.Kv.Length > length)
            OnEngine(() => _sequence.Kv.Truncate(length));
    }

    private void OnEngine(Action action) => Context.Engine.InvokeAsync(action).GetAwaiter().GetResult();

    private Lease Enter()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return Interlocked.Exchange(ref _busy, 1) == 0
            ? new Lease(this)
            : throw new InvalidOperationException("another request of this session still runs; a session serves one at a time (use Fork, or another session)");
    }

    /// <summary>Marks the session busy while it lives.</summary>
    private readonly struct Lease(Session session) : IDisposable
    {
        public void Dispose() => Volatile.Write(ref session._busy, 0);
    }
}
