namespace Moe.Inference.Gguf;

/// <summary>What the format prescribes, and the bounds this reader adds so that a hostile file cannot ask for much.</summary>
internal static class GgufLimits
{
    /// <summary>The bytes <c>GGUF</c>, read as a little-endian integer.</summary>
    public const uint Magic = 0x46554747;

    /// <summary>The oldest version read and written; version 1 had 32-bit lengths and no models in use.</summary>
    public const int MinVersion = 2;

    /// <summary>The newest version read and written.</summary>
    public const int MaxVersion = 3;

    /// <summary>Bytes of magic, version, tensor count and key count.</summary>
    public const int FixedHeaderBytes = 24;

    /// <summary>The key that holds the alignment of tensor data.</summary>
    public const string AlignmentKey = "general.alignment";

    /// <summary>The alignment of a file that does not state one.</summary>
    public const int DefaultAlignment = 32;

    /// <summary>The specification asks for a multiple of 8.</summary>
    public const int MinAlignment = 8;

    /// <summary>Far above any page or sector size in use.</summary>
    public const int MaxAlignment = 1 << 20;

    /// <summary>Bytes in a metadata key (specification) or tensor name (here: far above the 64 that the specification allows).</summary>
    public const int MaxNameBytes = 65535;

    /// <summary>Bytes in a tensor name that this library writes, as the specification has it.</summary>
    public const int MaxWrittenTensorNameBytes = 64;

    /// <summary>Bytes in one string value.</summary>
    public const int MaxStringBytes = 1 << 28;

    /// <summary>Arrays within arrays.</summary>
    public const int MaxArrayDepth = 8;

    /// <summary>Dimensions of a tensor.</summary>
    public const int MaxDimensions = 4;

    /// <summary>The least a key with its value takes: length, one letter, type, one byte.</summary>
    public const int MinKeyValueBytes = 8 + 1 + 4 + 1;

    /// <summary>The least a tensor's entry takes: length, one letter, dimension count, one dimension, type, offset.</summary>
    public const int MinTensorEntryBytes = 8 + 1 + 4 + 8 + 4 + 8;

    /// <summary>Whether the alignment is a power of two within bounds.</summary>
    public static bool IsAlignment(long value) => value is >= MinAlignment and <= MaxAlignment && (value & (value - 1)) == 0;

    /// <summary>The least multiple of <paramref name="alignment"/> (a power of two) that is not below <paramref name="value"/>.</summary>
    public static long AlignUp(long value, int alignment) => checked(value + alignment - 1) & -(long)alignment;
}
