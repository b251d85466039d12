using System.Runtime.InteropServices;
using Moe.Inference.Cpu.Kernels;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Compares assembled attention with the portable products on the same numbers as floats.</summary>
internal static unsafe class AttentionCheck
{
    private const int Rows = AttentionCode.MaxRows + 1, Keys = 7, Stride = Keys + 1;
    private const float Scale = 0.3f;

    /// <summary>Runs both.</summary>
    /// <returns>The first difference, or null if all bits agree.</returns>
    public static string? Difference(AttentionRoutines products, int keyWidth, int valueWidth)
    {
        byte[] keys = RandomRows(products.Stored, Keys * keyWidth), values = RandomRows(products.Stored, Keys * valueWidth);
        float[] keyFloats = Floats(products.Stored, keys, Keys * keyWidth), valueFloats = Floats(products.Stored, values, Keys * valueWidth);
        float[] queries = Floats(ElementType.F16, RandomRows(ElementType.F16, Rows * keyWidth), Rows * keyWidth);
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

    private static bool ScoresDiffer(AttentionRoutines products, float[] queries, int rows, byte[] keys, float[] keyFloats, int count, int width)
    {
        float[] wanted = new float[(Rows + 1) * Stride], found = new float[(Rows + 1) * Stride];
        fixed (float* q = queries, k = keyFloats, right = wanted, y = found)
        fixed (byte* stored = keys)
        {
            // The last row takes what repeated rows give.
            float* spare = right + (Rows * Stride);
            for (int row = 0; row < rows; row += AttentionTile.QueryRows)
                AttentionTile.Scores(RowSet.Of(q, width, row, rows, q), k, count, width, Scale, RowSet.Of(right, Stride, row, rows, spare));
            new Span<float>(spare, Stride).Clear();
            products.Scores(q, rows, stored, count, Scale, y, Stride, stored);
        }
        return Differ(wanted, found);
    }

    private static bool ValuesDiffer(AttentionRoutines products, float[] weights, int rows, byte[] values, float[] valueFloats, int count, int width)
    {
        float[] wanted = new float[(Rows + 1) * width];
        wanted.AsSpan(0, rows * width).Fill(Scale);
        float[] found = [.. wanted];
        float[] scores = [.. weights.Take(Rows * AttentionCode.Lanes)];
        fixed (float* w = scores, v = valueFloats, right = wanted, y = found)
        fixed (byte* stored = values)
        {
            float* spare = right + (Rows * width);
            for (int row = 0; row < rows; row += AttentionTile.QueryRows)
                AttentionTile.AddValues(RowSet.Of(w, AttentionCode.Lanes, row, rows, w), v, count, width, RowSet.Of(right, width, row, rows, spare));
            new Span<float>(spare, width).Clear();
            products.AddValues(w, AttentionCode.Lanes, rows, stored, count, y, stored);
        }
        return Differ(wanted, found);
    }

    private static bool Differ(ReadOnlySpan<float> a, ReadOnlySpan<float> b) =>
        !MemoryMarshal.AsBytes(a).SequenceEqual(MemoryMarshal.AsBytes(b));

    // All finite halves below two, small ones too, so that no sum overflows; the same at every start. Scales of blocks are such halves.
    private static byte[] RandomRows(ElementType stored, int count)
    {
        const uint Multiplier = 1664525, Increment = 1013904223;
        ElementLayout layout = ElementLayout.Of(stored);
        byte[] rows = new byte[layout.RowBytes(count)];
        Span<ushort> words = MemoryMarshal.Cast<byte, ushort>(rows.AsSpan());
        uint state = 1;
        for (int i = 0; i < words.Length; i++)
        {
            state = (state * Multiplier) + Increment;
            bool isHalf = i * sizeof(ushort) % layout.BlockBytes == (stored == ElementType.F32 ? sizeof(ushort) : 0);
            words[i] = (ushort)(isHalf ? (state >> 16) & 0xBFFF : state >> 16);
        }
        return rows;
    }

    private static float[] Floats(ElementType stored, byte[] rows, int count)
    {
        float[] floats = new float[count];
        fixed (byte* from = rows)
        fixed (float* to = floats)
            QuantFormats.Of(stored).Decode(from, to, count);
        return floats;
    }
}
