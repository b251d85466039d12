using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;
using Moe.Inference.Sampling;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Engine;

/// <summary>Generates tokens until something ends it, and hands them to a reader that may lag behind by a few.</summary>
internal sealed class GenerateRequest : EngineRequest
{
    private const int ReadAhead = 16;
    private readonly GenerationOptions _options;
    private readonly Tokenizer _tokenizer;
    private readonly Sampler _sampler;
    private readonly TokenDecoder _decoder;
    private readonly StopMatcher _stops;
    private readonly Channel<GeneratedToken> _tokens = Channel.CreateUnbounded<GeneratedToken>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly Queue<GeneratedToken> _news = new(1);
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly int _promptTokens;
    private readonly int _reused;
    private long _firstLogits;
    private int _generated;
    private int _unread;
    private bool _finished;
    private SampledToken? _considered;
    private ExceptionDispatchInfo? _problem;

    public GenerateRequest(Sequence sequence, int promptTokens, int reused, GenerationOptions options, Tokenizer tokenizer, int vocabulary, CancellationToken cancellation)
        : base(sequence, cancellation)
    {
        _options = options;
        _tokenizer = tokenizer;
        _promptTokens = promptTokens;
        _reused = reused;
        _sampler = new Sampler(options.Sampling, vocabulary);
        _sampler.Accept(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(sequence.Tokens));
        _decoder = new TokenDecoder(tokenizer, continuesText: true);
        _stops = new StopMatcher(options.StopStrings);
    }

    /// <summary>What the request took so far.</summary>
    public SessionStatistics Statistics { get; private set; }

    // A reader that does not keep up must not make the session run away from what was read.
    public override bool IsPaused => Volatile.Read(ref _unread) >= ReadAhead;

    /// <summary>Waits for tokens; false when there will be none.</summary>
    public ValueTask<bool> WaitToReadAsync() => _tokens.Reader.WaitToReadAsync(CancellationToken.None);

    /// <summary>Takes the next token, if there is one.</summary>
    /// <param name="token">The token.</param>
    /// <param name="resumes">Whether the request was paused and may go on now.</param>
    public bool TryRead([NotNullWhen(true)] out GeneratedToken? token, out bool resumes)
    {
        bool read = _tokens.Reader.TryRead(out token);
        resumes = read && Interlocked.Decrement(ref _unread) == ReadAhead - 1;
        return read;
    }

    public override bool Wants(int index) => index == Sequence.Tokens.Count - 1;

    public override bool NeedsWholeLogits(int top) => !_sampler.TakesTop(top);

    public override void Consider(LogitsRow logits)
    {
        try
        {
            _considered = Sample(logits);
        }
#pragma warning disable CA1031 // Whatever it is, it is this request's, and is thrown when its turn comes.
        catch (Exception problem)
#pragma warning restore CA1031
        {
            _problem = ExceptionDispatchInfo.Capture(problem);
        }
    }

    public override void Take(int index, LogitsRow logits)
    {
        if (_firstLogits == 0)
            _firstLogits = Stopwatch.GetTimestamp();
        if (Sequence.Tokens.Count == Sequence.Limit)
            MakeRoom();
        _problem?.Throw();
        SampledToken sampled = _considered ?? Sample(logits);
        _considered = null;
        _sampler.Accept(sampled.Id);
        _generated++;
        Sequence.Tokens.Add(sampled.Id);
        bool ends = !_options.IgnoreEndOfGeneration && _tokenizer.IsEndOfGeneration(sampled.Id);
        string text = _stops.Append(ends ? "" : _decoder.Append(sampled.Id));
        FinishReason? reason = _stops.Match is not null ? FinishReason.StopString
            : ends ? FinishReason.EndOfGeneration
            : _generated >= _options.MaxTokens ? FinishReason.MaxTokens
            : _options.Overflow == OverflowPolicy.Stop && Sequence.Tokens.Count == Sequence.Limit ? FinishReason.ContextFull
            : null;
        if (reason is not null)
        {
            _finished = true;
            text += Rest();
            // A stop string may be certain only now that nothing can follow.
            reason = _stops.Match is null ? reason : FinishReason.StopString;
        }

        Statistics = new SessionStatistics(
            _promptTokens, _reused, Stopwatch.GetElapsedTime(_start, _firstLogits), _generated, Stopwatch.GetElapsedTime(_firstLogits));
        Interlocked.Increment(ref _unread);
        _news.Enqueue(new GeneratedToken(sampled.Id, text, sampled.LogProbability, sampled.Alternatives, reason));
    }

    public override void Deliver()
    {
        while (_news.TryDequeue(out GeneratedToken? token))
            _tokens.Writer.TryWrite(token);
    }

    // The last token is not computed: it stays pending until the session goes on.
    public override bool IsFinished => _finished;

    public override void Complete()
    {
        Deliver();
        _tokens.Writer.TryComplete();
        base.Complete();
    }

    public override void Fail(Exception error)
    {
        Deliver();
        _tokens.Writer.TryComplete(error);
        base.Fail(error);
    }

    private SampledToken Sample(LogitsRow logits)
    {
        TopLogits top = logits.Top;
        return top.IsUsable && _sampler.TakesTop(top.Capacity) ? _sampler.SampleTop(top) : _sampler.Sample(logits.Whole);
    }

    private string Rest() => _stops.Match is null ? _stops.Append(_decoder.Flush()) + _stops.Flush() : "";

    private void MakeRoom()
    {
        if (_options.Overflow != OverflowPolicy.Slide)
            throw new ContextOverflowException(Sequence.Tokens.Count + 1, Sequence.Limit, "the context is full; shorten the conversation, create the context with a larger ContextLength, or choose another overflow policy");
        int keep = Math.Min(_options.KeepTokens, Sequence.Limit / 2);
        int drop = (Sequence.Tokens.Count - keep + 1) / 2;
        Sequence.Kv.Truncate(keep);
        Sequence.Tokens.RemoveRange(keep, drop);
    }
}
