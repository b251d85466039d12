using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>Pieces of host memory, put together where they nearly touch.</summary>
internal static class HostRanges
{
    // Tensors between those that are wanted; more apart is another file, with nothing mapped between.
    private const long LargestGap = 1 << 20;

    /// <summary>The ranges that cover some views, in order of their addresses.</summary>
    public static IEnumerable<(nint Address, long Bytes)> Of(IEnumerable<TensorView> views)
    {
        (nint Address, long Bytes)? open = null;
        foreach (TensorView view in views.Distinct().OrderBy(view => view.Address))
        {
            if (open is { } range && view.Address - (range.Address + range.Bytes) <= LargestGap)
            {
                open = range with { Bytes = Math.Max(range.Bytes, view.Address - range.Address + view.ByteLength) };
                continue;
            }

            if (open is { } done)
                yield return done;
            open = (view.Address, view.ByteLength);
        }

        if (open is { } last)
            yield return last;
    }
}
