namespace Moe.Inference.Engine;

/// <summary>Computes pending tokens and keeps the logits of some.</summary>
internal sealed class EvaluateRequest(Sequence sequence, int first, Func<int, bool> wanted, LogitsReceiver receiver, CancellationToken cancellation)
    : EngineRequest(sequence, cancellation)
{
    public override bool Wants(int index) => index >= first && wanted(index - first);

    public override void Take(int index, LogitsRow logits) => receiver(index - first, logits.Whole);

    public override bool IsFinished => Sequence.Pending == 0;
}

/// <summary>Takes the logits of one position.</summary>
/// <param name="index">The position among the tokens that were evaluated, from 0.</param>
/// <param name="logits">One number per token of the vocabulary; valid during the call only.</param>
public delegate void LogitsReceiver(int index, ReadOnlySpan<float> logits);
