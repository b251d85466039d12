using System.Runtime.InteropServices;
using Moe.Inference.Cpu.Kernels;
using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Compares assembled attention with the portable products, on numbers that halves can hold.</summary>
internal static unsafe class AttentionCheck
{
    private const int Rows = AttentionCode.MaxRows + 1, Keys = 7, Stride = Keys + 1;
    private const float Scale = 0.3f;

    /// <summary>Runs both.</summary>
    /// <returns>The first difference, or null if all bits agree.</returns>
    public static string? Difference(AttentionRoutines products, int keyWidth, int valueWidth)
    {
        ushort[] keys = RandomHalves(Keys * keyWidth), values = RandomHalves(Keys * valueWidth);
        float[] keyFloats = Floats(keys), valueFloats = Floats(values), queries = Floats(RandomHalves(Rows * keyWidth));
        for (int rows = 1; rows <= Rows; rows++)
        {
            for (int count = 1; count <= Keys; count++)
            {
                if (ScoresDiffer(products, queries, rows, keys, keyFloats, count, keyWidth)
                    || ValuesDiffer(products, queries, rows, values, valueFloats, count, valueWidth))
                {
                    return $"{rows} query rows and {count} keys give other bits than the portable products";
                }
            }
        }
        return null;
    }

    private static bool ScoresDiffer(AttentionRoutines products, float[] queries, int rows, ushort[] keys, float[] keyFloats, int count, int width)
    {
        float[] wanted = new float[(Rows + 1) * Stride], found = new float[(Rows + 1) * Stride];
        fixed (float* q = queries, k = keyFloats, right = wanted, y = found)
        fixed (ushort* halfKeys = keys)
        {
            // The last row takes what repeated rows give.
            float* spare = right + (Rows * Stride);
            for (int row = 0; row < rows; row += AttentionTile.QueryRows)
                AttentionTile.Scores(RowSet.Of(q, width, row, rows, q), k, count, width, Scale, RowSet.Of(right, Stride, row, rows, spare));
            new Span<float>(spare, Stride).Clear();
            byte* stored = products.Halves ? (byte*)halfKeys : (byte*)k;
            products.Scores(q, rows, stored, count, Scale, y, Stride, stored);
        }
        return Differ(wanted, found);
    }

    private static bool ValuesDiffer(AttentionRoutines products, float[] weights, int rows, ushort[] values, float[] valueFloats, int count, int width)
    {
        float[] wanted = new float[(Rows + 1) * width];
        wanted.AsSpan(0, rows * width).Fill(Scale);
        float[] found = [.. wanted];
        float[] scores = [.. weights.Take(Rows * AttentionCode.Lanes)];
        fixed (float* w = scores, v = valueFloats, right = wanted, y = found)
        fixed (ushort* halfValues = values)
        {
            float* spare = right + (Rows * width);
            for (int row = 0; row < rows; row += AttentionTile.QueryRows)
                AttentionTile.AddValues(RowSet.Of(w, AttentionCode.Lanes, row, rows, w), v, count, width, RowSet.Of(right, width, row, rows, spare));
            new Span<float>(spare, width).Clear();
            byte* stored = products.Halves ? (byte*)halfValues : (byte*)v;
            products.AddValues(w, AttentionCode.Lanes, rows, stored, count, y, stored);
        }
        return Differ(wanted, found);
    }

    private static bool Differ(ReadOnlySpan<float> a, ReadOnlySpan<float> b) =>
        !MemoryMarshal.AsBytes(a).SequenceEqual(MemoryMarshal.AsBytes(b));

    // All finite halves, small ones too; the same at every start.
    private static ushort[] RandomHalves(int count)
    {
        const uint Multiplier = 1664525, Increment = 1013904223;
        ushort[] halves = new ushort[count];
        uint state = 1;
        for (int i = 0; i < count; i++)
        {
            state = (state * Multiplier) + Increment;
            // Exponents up to 15 of 31: below two, so that no sum overflows.
            halves[i] = (ushort)((state >> 16) & 0xBFFF);
        }
        return halves;
    }

    private static float[] Floats(ushort[] halves)
    {
        float[] floats = new float[halves.Length];
        fixed (ushort* from = halves)
        fixed (float* to = floats)
            HalfConversion.HalfToSingle(from, to, halves.Length);
        return floats;
    }
}
