using Moe.Inference.Execution;
using Moe.Inference.Ops;
using Moe.Inference.Sampling;

namespace Moe.Inference.Engine;

/// <summary>A row of a run's logits, valid until the next run.</summary>
/// <param name="runner">What has run.</param>
/// <param name="row">The row.</param>
internal readonly struct LogitsRow(PlanRunner runner, int row)
{
    /// <summary>All of it. Brought from the device now, if the run did not, so that only one thread may ask then.</summary>
    public ReadOnlySpan<float> Whole => runner.Logits(row);

    /// <summary>The greatest ones, which are of no use where no device has looked for them.</summary>
    public TopLogits Top
    {
        get
        {
            ReadOnlySpan<float> found = runner.TopLogits(row);
            int count = runner.TopCount;
            return count == 0 ? default : new TopLogits((double)found[0] + found[1], found.Slice(TopLogitsOp.LogitsAt, count), found[(TopLogitsOp.LogitsAt + count)..]);
        }
    }
}
