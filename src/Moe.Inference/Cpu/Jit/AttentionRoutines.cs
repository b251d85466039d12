using System.Collections.Concurrent;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Jit;

/// <summary>The products of attention with keys and values as they are stored, by assembled AVX-512 routines.</summary>
/// <param name="keyWidth">Elements of a key.</param>
/// <param name="valueWidth">Elements of a value.</param>
/// <param name="stored">What keys and values are stored as: F32, F16 or Q8_0.</param>
/// <param name="routines">For 1, 2, … query rows: first the routines of scores, then those of values.</param>
internal sealed unsafe class AttentionRoutines(int keyWidth, int valueWidth, ElementType stored, AssembledRoutines routines)
{
    // Routines are unrolled over a row.
    private const int MostWidth = 1024;

    private static readonly ConcurrentDictionary<(int KeyWidth, int ValueWidth, ElementType Stored), Lazy<AttentionRoutines?>> Known = new();

    /// <summary>The products for rows of some widths; null if intrinsics must do.</summary>
    public static AttentionRoutines? For(int keyWidth, int valueWidth, ElementType stored) =>
        CpuFeatures.Current >= CpuPath.Avx512 && Fits(keyWidth, stored) && Fits(valueWidth, stored)
            ? Known.GetOrAdd((keyWidth, valueWidth, stored), key => new Lazy<AttentionRoutines?>(() => Make(key.KeyWidth, key.ValueWidth, key.Stored))).Value
            : null;

    /// <summary>What keys and values are stored as.</summary>
    public ElementType Stored => stored;

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
        AttentionPart part = new()
        {
            Stored = keys,
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
        AttentionPart part = new()
        {
            Stored = values,
            Count = count,
            Ahead = ahead,
            Floats = sums,
            Scores = weights,
            ScoresStride = weightsStride * sizeof(float),
        };
        Run(AttentionCode.MaxRows, rows, valueWidth, part);
    }

    private static bool Fits(int width, ElementType stored) => stored is ElementType.F32 or ElementType.F16 or ElementType.Q8_0
        && width is > 0 and <= MostWidth && width % AttentionCode.Lanes == 0 && width % ElementLayout.Of(stored).BlockLength == 0;

    private static AttentionRoutines? Make(int keyWidth, int valueWidth, ElementType stored) => JitTiles.Checked(
        $"AVX-512 attention on {stored} of widths {keyWidth} and {valueWidth}",
        () => new AttentionRoutines(keyWidth, valueWidth, stored, Assemble(keyWidth, valueWidth, stored)),
        made => AttentionCheck.Difference(made, keyWidth, valueWidth));

    /// <summary>The routines for rows of some widths.</summary>
    internal static AssembledRoutines Assemble(int keyWidth, int valueWidth, ElementType stored)
    {
        IEnumerable<int> rows = Enumerable.Range(1, AttentionCode.MaxRows);
        return new AssembledRoutines(
            [.. rows.Select(count => new ScoresCode(keyWidth, count, stored).Assemble()), .. rows.Select(count => new ValuesCode(valueWidth, count, stored).Assemble())]);
    }

    private void Run(int first, int rows, int width, AttentionPart part)
    {
        for (int row = 0; row < rows; row += AttentionCode.MaxRows)
        {
            // A page takes well under a microsecond, so that garbage collections need not be told.
            int count = Math.Min(AttentionCode.MaxRows, rows - row);
            ((delegate* unmanaged[SuppressGCTransition]<AttentionPart*, void>)routines[first + count - 1])(&part);
            part.Floats += (long)count * width;
            part.Scores = (float*)((byte*)part.Scores + (count * part.ScoresStride));
        }
        GC.KeepAlive(routines);
    }
}
