using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Moe.Inference.Gguf;

/// <summary>
/// One metadata value with its type. Values come from a file, or by implicit conversion from the .NET type that
/// <see cref="GgufValueType"/> names and from arrays of it, to be given to <see cref="GgufWriter.Set"/>.
/// </summary>
public sealed partial class GgufValue
{
    internal GgufValue(GgufValueType type, GgufValueType? elementType, object value, long offset = 0)
    {
        Type = type;
        ElementType = elementType;
        Value = value;
        Offset = offset;
    }

    /// <summary>The value's type.</summary>
    public GgufValueType Type { get; }

    /// <summary>The type of an array's elements; null for all other types.</summary>
    public GgufValueType? ElementType { get; }

    /// <summary>
    /// The value: the .NET type that <see cref="GgufValueType"/> names, or for arrays a one-dimensional array of it (<c>int[]</c>,
    /// <c>string[]</c>, …; of <see cref="GgufValue"/> where the elements are arrays). The array is shared and must not be changed.
    /// </summary>
    public object Value { get; }

    /// <summary>Byte offset of the value in its file; 0 if it was not read from one.</summary>
    public long Offset { get; }

    /// <summary>The number of elements of an array; 1 for all other types.</summary>
    public int Count => Value is Array array ? array.Length : 1;

    /// <summary>The text, if this is a string.</summary>
    public bool TryGetString([NotNullWhen(true)] out string? value)
    {
        value = Value as string;
        return value is not null;
    }

    /// <summary>The number, if this is an integer of any width that fits 64 signed bits.</summary>
    public bool TryGetInt64(out long value)
    {
        (value, bool isInteger) = Value switch
        {
            byte v => (v, true),
            sbyte v => (v, true),
            ushort v => (v, true),
            short v => (v, true),
            uint v => (v, true),
            int v => (v, true),
            long v => (v, true),
            ulong v and <= long.MaxValue => ((long)v, true),
            _ => (0L, false),
        };
        return isInteger;
    }

    /// <summary>The number, if this is an integer of any width that fits 32 signed bits.</summary>
    public bool TryGetInt32(out int value)
    {
        bool fits = TryGetInt64(out long wide) && wide is >= int.MinValue and <= int.MaxValue;
        value = fits ? (int)wide : 0;
        return fits;
    }

    /// <summary>The number, if this is a floating-point number; a binary64 is rounded.</summary>
    public bool TryGetSingle(out float value)
    {
        value = Value switch
        {
            float v => v,
            double v => (float)v,
            _ => 0,
        };
        return Type is GgufValueType.Float32 or GgufValueType.Float64;
    }

    /// <summary>The truth value, if this is a boolean.</summary>
    public bool TryGetBoolean(out bool value)
    {
        value = Value is true;
        return Value is bool;
    }

    /// <summary>A copy of the texts, if this is an array of strings.</summary>
    public bool TryGetStrings([NotNullWhen(true)] out string[]? values) => TryCopy(out values);

    /// <summary>A copy of the truth values, if this is an array of booleans.</summary>
    public bool TryGetBooleans([NotNullWhen(true)] out bool[]? values) => TryCopy(out values);

    /// <summary>The numbers, if this is an array of integers of any width, all of which fit 32 signed bits.</summary>
    public bool TryGetInt32s([NotNullWhen(true)] out int[]? values)
    {
        values = Value switch
        {
            // The runtime lets an unsigned array pass for a signed one of the same width, so the declared type decides.
            _ when ElementType == GgufValueType.UInt8 => Array.ConvertAll((byte[])Value, v => (int)v),
            _ when ElementType == GgufValueType.Int8 => Array.ConvertAll((sbyte[])Value, v => (int)v),
            _ when ElementType == GgufValueType.UInt16 => Array.ConvertAll((ushort[])Value, v => (int)v),
            _ when ElementType == GgufValueType.Int16 => Array.ConvertAll((short[])Value, v => (int)v),
            _ when ElementType == GgufValueType.Int32 => (int[])((int[])Value).Clone(),
            _ when ElementType == GgufValueType.UInt32 => Narrow((uint[])Value, v => v <= int.MaxValue, v => (int)v),
            _ when ElementType == GgufValueType.Int64 => Narrow((long[])Value, v => v is >= int.MinValue and <= int.MaxValue, v => (int)v),
            _ when ElementType == GgufValueType.UInt64 => Narrow((ulong[])Value, v => v <= int.MaxValue, v => (int)v),
            _ => null,
        };
        return values is not null;
    }

    /// <summary>The numbers, if this is an array of floating-point numbers; binary64 are rounded.</summary>
    public bool TryGetSingles([NotNullWhen(true)] out float[]? values)
    {
        values = Value is double[] doubles ? Array.ConvertAll(doubles, v => (float)v) : (float[]?)(Value as float[])?.Clone();
        return values is not null;
    }

    /// <summary>The value for people: scalars in the invariant culture, arrays as their type and length.</summary>
    public override string ToString() =>
        ElementType is { } element ? $"{element}[{Count}]" : Convert.ToString(Value, CultureInfo.InvariantCulture)!;

    /// <summary>The type for people, such as <c>UInt32</c> or <c>array of String</c>.</summary>
    internal string Describe() => ElementType is { } element ? $"array of {element}" : Type.ToString();

    private bool TryCopy<T>([NotNullWhen(true)] out T[]? values)
    {
        values = (T[]?)(Value as T[])?.Clone();
        return values is not null;
    }

    private static int[]? Narrow<T>(T[] values, Predicate<T> fits, Converter<T, int> convert) =>
        Array.TrueForAll(values, fits) ? Array.ConvertAll(values, convert) : null;
}
