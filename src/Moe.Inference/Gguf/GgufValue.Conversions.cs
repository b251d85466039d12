namespace Moe.Inference.Gguf;

public sealed partial class GgufValue
{
    /// <summary>An array whose elements are arrays.</summary>
    /// <exception cref="ArgumentException">An element is no array, or arrays nest more than 8 deep.</exception>
    public static GgufValue Nested(params GgufValue[] arrays)
    {
        ArgumentNullException.ThrowIfNull(arrays);
        GgufValue value = new(GgufValueType.Array, GgufValueType.Array, arrays.Clone());
        if (Array.Exists(arrays, element => element is not { Type: GgufValueType.Array }))
            throw new ArgumentException("every element of a nested array is an array", nameof(arrays));
        if (value.Depth() > GgufLimits.MaxArrayDepth)
            throw new ArgumentException($"arrays nest at most {GgufLimits.MaxArrayDepth} deep", nameof(arrays));
        return value;
    }

    /// <summary>A value of type <see cref="GgufValueType.UInt8"/>.</summary>
    public static implicit operator GgufValue(byte value) => Scalar(GgufValueType.UInt8, value);

    /// <summary>A value of type <see cref="GgufValueType.Int8"/>.</summary>
    public static implicit operator GgufValue(sbyte value) => Scalar(GgufValueType.Int8, value);

    /// <summary>A value of type <see cref="GgufValueType.UInt16"/>.</summary>
    public static implicit operator GgufValue(ushort value) => Scalar(GgufValueType.UInt16, value);

    /// <summary>A value of type <see cref="GgufValueType.Int16"/>.</summary>
    public static implicit operator GgufValue(short value) => Scalar(GgufValueType.Int16, value);

    /// <summary>A value of type <see cref="GgufValueType.UInt32"/>.</summary>
    public static implicit operator GgufValue(uint value) => Scalar(GgufValueType.UInt32, value);

    /// <summary>A value of type <see cref="GgufValueType.Int32"/>.</summary>
    public static implicit operator GgufValue(int value) => Scalar(GgufValueType.Int32, value);

    /// <summary>A value of type <see cref="GgufValueType.UInt64"/>.</summary>
    public static implicit operator GgufValue(ulong value) => Scalar(GgufValueType.UInt64, value);

    /// <summary>A value of type <see cref="GgufValueType.Int64"/>.</summary>
    public static implicit operator GgufValue(long value) => Scalar(GgufValueType.Int64, value);

    /// <summary>A value of type <see cref="GgufValueType.Float32"/>.</summary>
    public static implicit operator GgufValue(float value) => Scalar(GgufValueType.Float32, value);

    /// <summary>A value of type <see cref="GgufValueType.Float64"/>.</summary>
    public static implicit operator GgufValue(double value) => Scalar(GgufValueType.Float64, value);

    /// <summary>A value of type <see cref="GgufValueType.Boolean"/>.</summary>
    public static implicit operator GgufValue(bool value) => Scalar(GgufValueType.Boolean, value);

    /// <summary>A value of type <see cref="GgufValueType.String"/>.</summary>
    public static implicit operator GgufValue(string value) => Scalar(GgufValueType.String, value);

    /// <summary>An array of <see cref="GgufValueType.UInt8"/>, copied.</summary>
    public static implicit operator GgufValue(byte[] values) => Sequence(GgufValueType.UInt8, values);

    /// <summary>An array of <see cref="GgufValueType.Int8"/>, copied.</summary>
    public static implicit operator GgufValue(sbyte[] values) => Sequence(GgufValueType.Int8, values);

    /// <summary>An array of <see cref="GgufValueType.UInt16"/>, copied.</summary>
    public static implicit operator GgufValue(ushort[] values) => Sequence(GgufValueType.UInt16, values);

    /// <summary>An array of <see cref="GgufValueType.Int16"/>, copied.</summary>
    public static implicit operator GgufValue(short[] values) => Sequence(GgufValueType.Int16, values);

    /// <summary>An array of <see cref="GgufValueType.UInt32"/>, copied.</summary>
    public static implicit operator GgufValue(uint[] values) => Sequence(GgufValueType.UInt32, values);

    /// <summary>An array of <see cref="GgufValueType.Int32"/>, copied.</summary>
    public static implicit operator GgufValue(int[] values) => Sequence(GgufValueType.Int32, values);

    /// <summary>An array of <see cref="GgufValueType.UInt64"/>, copied.</summary>
    public static implicit operator GgufValue(ulong[] values) => Sequence(GgufValueType.UInt64, values);

    /// <summary>An array of <see cref="GgufValueType.Int64"/>, copied.</summary>
    public static implicit operator GgufValue(long[] values) => Sequence(GgufValueType.Int64, values);

    /// <summary>An array of <see cref="GgufValueType.Float32"/>, copied.</summary>
    public static implicit operator GgufValue(float[] values) => Sequence(GgufValueType.Float32, values);

    /// <summary>An array of <see cref="GgufValueType.Float64"/>, copied.</summary>
    public static implicit operator GgufValue(double[] values) => Sequence(GgufValueType.Float64, values);

    /// <summary>An array of <see cref="GgufValueType.Boolean"/>, copied.</summary>
    public static implicit operator GgufValue(bool[] values) => Sequence(GgufValueType.Boolean, values);

    /// <summary>An array of <see cref="GgufValueType.String"/>, copied.</summary>
    public static implicit operator GgufValue(string[] values) => Sequence(GgufValueType.String, values);

    private static GgufValue Scalar(GgufValueType type, object value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return new GgufValue(type, null, value);
    }

    private static GgufValue Sequence<T>(GgufValueType elementType, T[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (Array.Exists(values, element => element is null))
            throw new ArgumentException("an array of strings holds no null", nameof(values));
        return new GgufValue(GgufValueType.Array, elementType, values.Clone());
    }

    private int Depth() => Value switch
    {
        GgufValue[] arrays => 1 + arrays.Select(element => element.Depth()).DefaultIfEmpty(0).Max(),
        Array => 1,
        _ => 0,
    };
}
