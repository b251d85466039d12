using System.Collections.Concurrent;
using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Cpu.Jit;

/// <summary>The products of attention with keys and values as they are stored, as halves, by assembled AVX-512 routines.</summary>
/// <param name="keyWidth">Elements of a key.</param>
/// <param name="valueWidth">Elements of a value.</param>
/// <param name="routines">For 1, 2, … query rows: first the routines of scores, then those of values.</param>
internal sealed unsafe class HalfAttention(int keyWidth, int valueWidth, AssembledRoutines routines)
{
    // Routines are unrolled over a row.
    private const int MostWidth = 1024;

    private static readonly ConcurrentDictionary<(int KeyWidth, int ValueWidth), Lazy<HalfAttention?>> Known = new();

    /// <summary>The products for rows of some widths; null if intrinsics must do.</summary>
    public static HalfAttention? For(int keyWidth, int valueWidth) =>
        CpuFeatures.Current >= CpuPath.Avx512 && Fits(keyWidth) && Fits(valueWidth)
            ? Known.GetOrAdd((keyWidth, valueWidth), _ => new Lazy<HalfAttention?>(() => Make(keyWidth, valueWidth))).Value
            : null;

    /// <summary>scores[i][j] = scale · query_i · key_j.</summary>
    /// <param name="queries">The queries, contiguous.</param>
    /// <param name="rows">How many.</param>
    /// <param name="keys">The keys, contiguous.</param>
    /// <param name="count">How many; at least one.</param>
    /// <param name="scale">Factor.</param>
    /// <param name="scores">The first query's scores.</param>
    /// <param name="scoresStride">Numbers from one query's scores to the next one's.</param>
    /// <param name="ahead">What will be read next, fetched meanwhile.</param>
    public void Scores(float* queries, int rows, byte* keys, int count, float scale, float* scores, int scoresStride, byte* ahead)
    {
        HalfPart part = new()
        {
            Halves = keys,
            Count = count,
            Ahead = ahead,
            Floats = queries,
            Scores = scores,
            ScoresStride = scoresStride * sizeof(float),
            Scale = scale,
        };
        Run(0, rows, keyWidth, part);
    }

    /// <summary>sums_i += Σ_j weights[i][j] · value_j, in the order of j.</summary>
    /// <param name="weights">The first query row's weights.</param>
    /// <param name="weightsStride">Numbers from one query row's weights to the next one's.</param>
    /// <param name="rows">Query rows.</param>
    /// <param name="values">The values, contiguous.</param>
    /// <param name="count">How many; at least one.</param>
    /// <param name="sums">The sums, contiguous.</param>
    /// <param name="ahead">What will be read next, fetched meanwhile.</param>
    public void AddValues(float* weights, int weightsStride, int rows, byte* values, int count, float* sums, byte* ahead)
    {
        HalfPart part = new()
        {
            Halves = values,
            Count = count,
            Ahead = ahead,
            Floats = sums,
            Scores = weights,
            ScoresStride = weightsStride * sizeof(float),
        };
        Run(HalfCode.MaxRows, rows, valueWidth, part);
    }

    private static bool Fits(int width) => width is > 0 and <= MostWidth && width % HalfCode.Lanes == 0;

    private static HalfAttention? Make(int keyWidth, int valueWidth) => JitTiles.Checked(
        $"AVX-512 attention on halves of widths {keyWidth} and {valueWidth}",
        () => new HalfAttention(keyWidth, valueWidth, Assemble(keyWidth, valueWidth)),
        made => HalfAttentionCheck.Difference(made, keyWidth, valueWidth));

    /// <summary>The routines for rows of some widths.</summary>
    internal static AssembledRoutines Assemble(int keyWidth, int valueWidth)
    {
        IEnumerable<int> rows = Enumerable.Range(1, HalfCode.MaxRows);
        return new AssembledRoutines(
            [.. rows.Select(count => new HalfScoresCode(keyWidth, count).Assemble()), .. rows.Select(count => new HalfValuesCode(valueWidth, count).Assemble())]);
    }

    private void Run(int first, int rows, int width, HalfPart part)
    {
        for (int row = 0; row < rows; row += HalfCode.MaxRows)
        {
            // A page takes well under a microsecond, so that garbage collections need not be told.
            int count = Math.Min(HalfCode.MaxRows, rows - row);
            ((delegate* unmanaged[SuppressGCTransition]<HalfPart*, void>)routines[first + count - 1])(&part);
            part.Floats += (long)count * width;
            part.Scores = (float*)((byte*)part.Scores + (count * part.ScoresStride));
        }
        GC.KeepAlive(routines);
    }
}
