using System.Runtime.InteropServices;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Execution.Validation;

/// <summary>Finds the first element in which a device's rows differ from the reference's.</summary>
internal static class Comparison
{
    /// <summary>What differs, or null.</summary>
    /// <param name="found">The device's bytes: whole rows.</param>
    /// <param name="expected">The reference's.</param>
    /// <param name="type">Element type; integers are compared exactly, numbers within the tolerance and, where they are stored in fewer bits, one step of those.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="tolerance">Largest difference, relative to the largest magnitude of the row.</param>
    public static string? Find(ReadOnlySpan<byte> found, ReadOnlySpan<byte> expected, ElementType type, int width, float tolerance)
    {
        if (found.SequenceEqual(expected))
            return null;
        if (type == ElementType.F32)
            return FindFloat(MemoryMarshal.Cast<byte, float>(found), MemoryMarshal.Cast<byte, float>(expected), width, tolerance);
        return StepOf(type) is { } step && QuantFormats.TryGet(type, out QuantFormat? format)
            ? FindFloat(Decode(format, found, type, width), Decode(format, expected, type, width), width, tolerance + step)
            : FindByte(found, expected, type, width);
    }

    // Two numbers that hardly differ may be rounded to neighbours: this far apart, relative to the largest of a row.
    private static float? StepOf(ElementType type) => type switch
    {
        ElementType.F16 => 1f / (1 << 10),
        ElementType.BF16 => 1f / (1 << 7),
        ElementType.Q8_0 => 1f / 127,
        _ => null,
    };

    private static float[] Decode(QuantFormat format, ReadOnlySpan<byte> rows, ElementType type, int width)
    {
        float[] numbers = new float[rows.Length / ElementLayout.Of(type).RowBytes(width) * width];
        format.Decode(rows, numbers);
        return numbers;
    }

    private static string? FindFloat(ReadOnlySpan<float> found, ReadOnlySpan<float> expected, int width, float tolerance)
    {
        for (int row = 0; row * width < expected.Length; row++)
        {
            ReadOnlySpan<float> want = expected.Slice(row * width, width);
            ReadOnlySpan<float> have = found.Slice(row * width, width);
            float limit = tolerance * Largest(want);
            for (int i = 0; i < width; i++)
            {
                // What the reference does not write either is nobody's business.
                bool same = float.IsNaN(want[i]) ? float.IsNaN(have[i]) : MathF.Abs(have[i] - want[i]) <= limit;
                if (!same)
                    return $"row {row}, element {i} is {(float.IsNaN(have[i]) ? "NaN (not written, or computed from what was not written)" : $"{have[i]:R}")}, the reference has {want[i]:R}";
            }
        }

        return null;
    }

    private static string FindByte(ReadOnlySpan<byte> found, ReadOnlySpan<byte> expected, ElementType type, int width)
    {
        int place = found.CommonPrefixLength(expected);
        long rowBytes = ElementLayout.Of(type).RowBytes(width);
        if (type != ElementType.I32)
            return $"row {place / rowBytes}, byte {place % rowBytes} ({type}) is {found[place]}, the reference has {expected[place]}";
        int element = place / sizeof(int);
        return $"row {element / width}, element {element % width} is {MemoryMarshal.Cast<byte, int>(found)[element]}, the reference has {MemoryMarshal.Cast<byte, int>(expected)[element]}";
    }

    private static float Largest(ReadOnlySpan<float> row)
    {
        float largest = 0;
        foreach (float x in row)
            largest = float.IsNaN(x) ? largest : MathF.Max(largest, MathF.Abs(x));
        return largest;
    }
}
