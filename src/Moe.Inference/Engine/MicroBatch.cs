using System.Runtime.InteropServices;
using Moe.Inference.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Kv;

namespace Moe.Inference.Engine;

/// <summary>The tokens of one run, from any number of sessions. Reused from run to run, so that nothing is allocated per token.</summary>
internal sealed class MicroBatch(RunSize limits)
{
    private readonly List<int> _ids = [];
    private readonly List<int> _positions = [];
    private readonly List<int> _slots = [];
    private readonly List<int> _lengths = [];
    private readonly List<int> _starts = [];
    private readonly List<int> _pages = [];
    private readonly List<int> _outputs = [];
    private readonly List<Share> _shares = [];
    private int _context;

    /// <summary>What each request has in this run.</summary>
    public IReadOnlyList<Share> Shares => _shares;

    /// <summary>Whether nothing is in the batch.</summary>
    public bool IsEmpty => _ids.Count == 0;

    /// <summary>Tokens that still fit.</summary>
    public int Room => limits.Tokens - _ids.Count;

    /// <summary>The numbers behind the symbols of this run.</summary>
    public RunSize Size => new(_ids.Count, _outputs.Count, _pages.Count, _context);

    /// <summary>Empties the batch.</summary>
    public void Clear()
    {
        foreach (List<int> list in (ReadOnlySpan<List<int>>)[_ids, _positions, _slots, _lengths, _starts, _pages, _outputs])
            list.Clear();
        _shares.Clear();
        _context = 0;
    }

    /// <summary>Adds as many of a request's pending tokens as fit; their places in key/value memory are reserved already.</summary>
    /// <param name="request">The request.</param>
    /// <param name="count">Pending tokens to add at the most.</param>
    public void Add(EngineRequest request, int count)
    {
        KvSequence kv = request.Sequence.Kv;
        int pageStart = _pages.Count;
        int first = kv.Length;
        int added = 0;
        int firstOutput = _outputs.Count;
        try
        {
            for (; added < count; added++)
            {
                int index = first + added;
                bool wanted = request.Wants(index);
                if (wanted && _outputs.Count == limits.Outputs)
                    break;
                if (wanted)
                    _outputs.Add(_ids.Count);
                _ids.Add(request.Sequence.Tokens[index]);
                _positions.Add(index);
                _slots.Add(kv.Slot(index));
                _lengths.Add(index + 1);
                _starts.Add(pageStart);
            }
        }
        catch
        {
            // What a request wants is asked of the user's code; tokens without a page table must not stay.
            foreach (List<int> list in (ReadOnlySpan<List<int>>)[_ids, _positions, _slots, _lengths, _starts])
                list.RemoveRange(list.Count - added, added);
            _outputs.RemoveRange(firstOutput, _outputs.Count - firstOutput);
            throw;
        }

        if (added == 0)
            return;
        _pages.AddRange(kv.Pages[..KvMemory.PageCount(first + added)]);
        _context = Math.Max(_context, first + added);
        _shares.Add(new Share(request, first, added, firstOutput, _outputs.Count - firstOutput));
    }

    /// <summary>Hands the batch to the runner.</summary>
    public void Fill(PlanRunner runner)
    {
        GraphInputs inputs = runner.Plan.Graph.Inputs;
        Set(runner, inputs.TokenIds, _ids);
        Set(runner, inputs.Positions, _positions);
        Set(runner, inputs.KvSlots, _slots);
        Set(runner, inputs.KvLengths, _lengths);
        Set(runner, inputs.PageStarts, _starts);
        Set(runner, inputs.Pages, _pages);
        Set(runner, inputs.OutputRows, _outputs);
    }

    /// <summary>The sequence index of a wanted row.</summary>
    public int IndexOfOutput(in Share share, int output) => _positions[_outputs[share.FirstOutput + output]];

    private static void Set(PlanRunner runner, GraphValue input, List<int> data) => runner.SetInput(input, CollectionsMarshal.AsSpan(data));

    /// <summary>One request's part of a batch.</summary>
    /// <param name="Request">The request.</param>
    /// <param name="First">Index in its sequence of its first token in the batch.</param>
    /// <param name="Count">Its tokens in the batch.</param>
    /// <param name="FirstOutput">Row of its first wanted logits.</param>
    /// <param name="Outputs">Its wanted rows.</param>
    internal readonly record struct Share(EngineRequest Request, int First, int Count, int FirstOutput, int Outputs);
}
