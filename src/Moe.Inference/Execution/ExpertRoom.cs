using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution;

/// <summary>A layer's experts on their way from the host to room for them on a device: which are there, and which the batch before chose.</summary>
/// <param name="carrier">The queue that sends them.</param>
/// <param name="sources">The tensors on the host.</param>
/// <param name="weights">The same, as the graph knows them.</param>
/// <param name="target">Where the room lies.</param>
internal sealed class ExpertRoom(IBackend carrier, IReadOnlyList<TensorView> sources, IReadOnlyList<Weight> weights, (DeviceBuffer Buffer, long Offset) target)
{
    // Of experts that are expected to be used so often, one in seven is not (Poisson's e^-2).
    private const int LikelyUses = 2;

    private readonly long[] _offsets = StageExpertsOp.Offsets(weights);
    private readonly bool[] _sent = new bool[weights[0].Slices];
    private readonly bool[] _sending = new bool[weights[0].Slices];
    private readonly int[] _uses = new int[weights[0].Slices];
    private int _tokens;

    /// <summary>How often each expert was chosen by the last batch whose choice is known.</summary>
    public ReadOnlySpan<int> Uses => _uses;

    /// <summary>Enqueues the experts that a batch is likely to choose; the room holds nothing of this batch yet.</summary>
    public void SendLikely(PlannedStep step, int tokens)
    {
        for (int expert = 0; expert < _sent.Length; expert++)
            _sent[expert] = _tokens > 0 && (long)_uses[expert] * tokens >= (long)LikelyUses * _tokens;
        Send(step, _sent);
    }

    /// <summary>Enqueues those of the chosen experts that are not there.</summary>
    /// <param name="step">The step, as errors name it.</param>
    /// <param name="chosen">The chosen experts of all tokens.</param>
    /// <param name="tokens">Tokens.</param>
    public void SendMissing(PlannedStep step, ReadOnlySpan<int> chosen, int tokens)
    {
        Array.Clear(_uses);
        foreach (int expert in chosen)
            _uses[expert]++;
        _tokens = tokens;
        for (int expert = 0; expert < _sent.Length; expert++)
            _sending[expert] = _uses[expert] > 0 && !_sent[expert];
        Send(step, _sending);
    }

    // Neighbours go in one copy.
    private void Send(PlannedStep step, bool[] wanted)
    {
        for (int first = Array.IndexOf(wanted, true); first >= 0;)
        {
            int end = Array.IndexOf(wanted, false, first);
            end = end < 0 ? wanted.Length : end;
            for (int i = 0; i < sources.Count; i++)
            {
                long slice = weights[i].SliceBytes;
                carrier.EnqueueTransfer(step, sources[i].Buffer, sources[i].Offset + (first * slice), target.Buffer, target.Offset + _offsets[i] + (first * slice), (end - first) * slice);
            }

            first = end == wanted.Length ? -1 : Array.IndexOf(wanted, true, end);
        }

        carrier.Flush();
    }
}
