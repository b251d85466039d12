using Moe.Inference.Kv;

namespace Moe.Inference.Engine;

/// <summary>
/// Something that a session wants computed. The engine's thread calls it; it must not block. A request ends by its task: completed,
/// cancelled or failed.
/// </summary>
/// <param name="sequence">The session's tokens and its place in key/value memory.</param>
/// <param name="cancellation">Ends the request.</param>
internal abstract class EngineRequest(Sequence sequence, CancellationToken cancellation)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The session's tokens and its place in key/value memory.</summary>
    public Sequence Sequence => sequence;

    /// <summary>Ends the request between steps.</summary>
    public CancellationToken Cancellation => cancellation;

    /// <summary>Completes when the engine has let go of the sequence.</summary>
    public Task Completion => _done.Task;

    /// <summary>Whether the request waits for something outside the engine, such as a slow reader.</summary>
    public virtual bool IsPaused => false;

    /// <summary>Whether the logits of the token at an index of the sequence are wanted.</summary>
    public abstract bool Wants(int index);

    /// <summary>Whether more is needed of a row of logits than so many of the greatest.</summary>
    public virtual bool NeedsWholeLogits(int top) => true;

    /// <summary>
    /// Does what can be done with the logits of a run's only wanted token beside other requests' doing the same: touches nothing that
    /// requests share. <see cref="Take"/> with the same logits follows, and throws what went wrong.
    /// </summary>
    public virtual void Consider(LogitsRow logits)
    {
    }

    /// <summary>Takes the logits of a wanted token. Called in order of tokens.</summary>
    public abstract void Take(int index, LogitsRow logits);

    /// <summary>Hands out what came of <see cref="Take"/>, which may wake a reader; no later than when the request ends.</summary>
    public virtual void Deliver()
    {
    }

    /// <summary>Whether nothing is left to do; asked after each run that computed some of its tokens.</summary>
    public abstract bool IsFinished { get; }

    /// <summary>Ends the request without error.</summary>
    public virtual void Complete() => _done.TrySetResult();

    /// <summary>Ends the request with an error; an <see cref="OperationCanceledException"/> cancels it.</summary>
    public virtual void Fail(Exception error)
    {
        if (error is OperationCanceledException cancelled)
            _done.TrySetCanceled(cancelled.CancellationToken);
        else
            _done.TrySetException(error);
    }
}

/// <summary>A session's tokens, and how many of them are in key/value memory. Owned by the session or, while a request runs, by the engine.</summary>
internal sealed class Sequence(KvSequence kv, int limit) : IDisposable
{
    /// <summary>All tokens, computed or not.</summary>
    public List<int> Tokens { get; } = [];

    /// <summary>The place in key/value memory; its length is the number of computed tokens.</summary>
    public KvSequence Kv => kv;

    /// <summary>Most tokens it may hold.</summary>
    public int Limit => limit;

    /// <summary>Tokens that are not computed yet.</summary>
    public int Pending => Tokens.Count - kv.Length;

    public void Dispose() => kv.Dispose();
}
