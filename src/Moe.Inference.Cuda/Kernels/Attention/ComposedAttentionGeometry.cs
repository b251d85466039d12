using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>A step of composed attention: scores of all keys, or sums of all weighted values, for each token and head.</summary>
/// <param name="Queries">Queries, for scores.</param>
/// <param name="Scores">Scores, or weights: a row of <paramref name="Context"/> for each token and head.</param>
/// <param name="Result">Sums of values.</param>
/// <param name="Lengths">Keys that each token sees.</param>
/// <param name="Starts">Where each token's sequence begins in the page table.</param>
/// <param name="Pages">The page tables.</param>
/// <param name="Memory">The layer's keys or values.</param>
/// <param name="Rows">Tokens × heads.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="KvHeads">Key/value heads.</param>
/// <param name="Width">Elements of a head's key or value.</param>
/// <param name="Context">Elements from row to row of scores.</param>
/// <param name="PageLength">Tokens of a page.</param>
/// <param name="Scale">Factor on scores.</param>
/// <param name="Parts">Blocks that share a row.</param>
internal readonly record struct ComposedAttentionGeometry(
    DevicePointer<float> Queries, DevicePointer<float> Scores, DevicePointer<float> Result, DevicePointer<int> Lengths, DevicePointer<int> Starts, DevicePointer<int> Pages,
    DevicePointer<byte> Memory, int Rows, int Heads, int KvHeads, int Width, int Context, int PageLength, float Scale, int Parts) : IKernelGeometry
{
    private const int Threads = 128;

    // Enough to fill a device when there is one token; each block takes every Parts-th key.
    private const int MostParts = 64;

    /// <summary>The kernel of scores.</summary>
    public static KernelCode ScoresCodeOf(KernelBinding binding) => new("composed_attention.cu", "attention_scores", $"KV={KvFormats.StructOf(binding.Options.KvType)}");

    /// <summary>The kernel of sums.</summary>
    public static KernelCode ValuesCodeOf(KernelBinding binding) => ScoresCodeOf(binding) with { Entry = "attention_values" };

    /// <summary>The cut of scores.</summary>
    public static ComposedAttentionGeometry ForScores(KernelBinding binding, RunSize size)
    {
        AttentionShape shape = ((AttentionScoresOp)binding.Node.Operation).Shape;
        return For(binding, size, shape) with
        {
            Queries = DevicePointer<float>.Of(binding.Inputs[0]),
            Scores = DevicePointer<float>.Of(binding.Outputs[0]),
            Memory = DevicePointer<byte>.Of(binding.Kv!.Keys),
            Width = shape.KeyWidth,
            Context = binding.Outputs[0].Width,
            Parts = Math.Min(Cover.Blocks(size.Context, Threads), MostParts),
        };
    }

    /// <summary>The cut of sums.</summary>
    public static ComposedAttentionGeometry ForValues(KernelBinding binding, RunSize size)
    {
        AttentionShape shape = ((AttentionValuesOp)binding.Node.Operation).Shape;
        return For(binding, size, shape) with
        {
            Scores = DevicePointer<float>.Of(binding.Inputs[0]),
            Result = DevicePointer<float>.Of(binding.Outputs[0]),
            Memory = DevicePointer<byte>.Of(binding.Kv!.Values),
            Width = shape.ValueWidth,
            Context = binding.Inputs[0].Width,
            Parts = 1,
        };
    }

    /// <inheritdoc/>
    public LaunchShape Shape => new(Rows, Parts, 1, Threads);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Require(Rows % Heads == 0 && Heads % KvHeads == 0, "rows are those of all heads of whole tokens");
        Cover.Require(Parts > 0, "each row is some block's");
    }

    private static ComposedAttentionGeometry For(KernelBinding binding, RunSize size, AttentionShape shape) => default(ComposedAttentionGeometry) with
    {
        Lengths = PagedInputs.LengthsOf(binding),
        Starts = PagedInputs.StartsOf(binding),
        Pages = PagedInputs.PagesOf(binding),
        Rows = size.Tokens * shape.Heads,
        Heads = shape.Heads,
        KvHeads = shape.KvHeads,
        PageLength = binding.Kv!.PageLength,
        Scale = shape.Scale,
    };
}
