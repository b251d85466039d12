using System.Numerics;
using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>
/// How contexts are cut where there are few tokens, and the scratch memory in which parts wait. A token's own length alone decides how its
/// context is cut (<c>flash_parts.cuh</c>), so that its result does not depend on what else is in the batch; the longest says how many
/// parts are launched.
/// </summary>
internal readonly struct FlashParts
{
    // What is shorter is not cut.
    private const int WholeLength = 256;
    private const int SmallestPart = 64;
    private const int MostParts = 64;

    /// <summary>The most tokens whose contexts are cut.</summary>
    public const int MostTokens = 64;

    /// <summary>Lays out the parts of a run.</summary>
    /// <param name="shape">Heads and widths.</param>
    /// <param name="size">The run, or the largest.</param>
    /// <param name="scratch">The scratch memory.</param>
    public FlashParts(AttentionShape shape, RunSize size, nint scratch)
    {
        Count = CountOf(size.Context);
        long parts = Count == 1 ? 0 : (long)Math.Min(size.Tokens, MostTokens) * shape.Heads * Count;
        Sums = new DevicePointer<float>(scratch);
        Figures = Sums.Plus(parts * shape.ValueWidth * sizeof(float));
        Bytes = parts * (shape.ValueWidth + 2) * sizeof(float);
    }

    /// <summary>The definitions that kernels share with this.</summary>
    public static string Defines => $"WHOLE_LENGTH={WholeLength} SMALLEST_PART={SmallestPart} MOST_PARTS={MostParts}";

    /// <summary>Parts of the longest context.</summary>
    public int Count { get; }

    /// <summary>Where the parts' sums lie.</summary>
    public DevicePointer<float> Sums { get; }

    /// <summary>Where the parts' greatest scores and totals lie.</summary>
    public DevicePointer<float> Figures { get; }

    /// <summary>Scratch memory in all.</summary>
    public long Bytes { get; }

    private static int CountOf(int context)
    {
        if (context <= WholeLength)
            return 1;
        // Not less than any shorter context has, whatever its own length rounds up to.
        long rounded = BitOperations.RoundUpToPowerOf2((uint)context);
        return (int)(rounded / Math.Max(SmallestPart, rounded / MostParts));
    }
}
