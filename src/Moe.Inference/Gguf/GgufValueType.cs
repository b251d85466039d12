namespace Moe.Inference.Gguf;

/// <summary>The type of a metadata value. The numbers are those of the GGUF specification (ggml/docs/gguf.md).</summary>
public enum GgufValueType
{
    /// <summary>8-bit unsigned integer, <see cref="byte"/>.</summary>
    UInt8 = 0,

    /// <summary>8-bit signed integer, <see cref="sbyte"/>.</summary>
    Int8 = 1,

    /// <summary>16-bit unsigned integer, <see cref="ushort"/>.</summary>
    UInt16 = 2,

    /// <summary>16-bit signed integer, <see cref="short"/>.</summary>
    Int16 = 3,

    /// <summary>32-bit unsigned integer, <see cref="uint"/>.</summary>
    UInt32 = 4,

    /// <summary>32-bit signed integer, <see cref="int"/>.</summary>
    Int32 = 5,

    /// <summary>IEEE 754 binary32, <see cref="float"/>.</summary>
    Float32 = 6,

    /// <summary>One byte, 0 or 1, <see cref="bool"/>.</summary>
    Boolean = 7,

    /// <summary>UTF-8 text with its length in bytes before it, <see cref="string"/>.</summary>
    String = 8,

    /// <summary>Values of one type; the type may be <see cref="Array"/> again.</summary>
    Array = 9,

    /// <summary>64-bit unsigned integer, <see cref="ulong"/>.</summary>
    UInt64 = 10,

    /// <summary>64-bit signed integer, <see cref="long"/>.</summary>
    Int64 = 11,

    /// <summary>IEEE 754 binary64, <see cref="double"/>.</summary>
    Float64 = 12,
}
