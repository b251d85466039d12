using Moe.Inference.Tensors;

namespace Moe.Inference.Gguf;

/// <summary>A tensor's entry in a GGUF file: its name, type and shape, and where its bytes lie.</summary>
public sealed class GgufTensor
{
    internal GgufTensor(string name, ElementType type, long[] dimensions, int part, int indexInPart, long offset)
    {
        Name = name;
        Type = type;
        Dimensions = Array.AsReadOnly(dimensions);
        Part = part;
        IndexInPart = indexInPart;
        Offset = offset;
        RowLength = dimensions[0];
        Rows = 1;
        foreach (long dimension in dimensions.AsSpan(1))
            Rows = checked(Rows * dimension);
        RowBytes = ElementLayout.Of(type).RowBytes(RowLength);
        ByteLength = checked(RowBytes * Rows);
    }

    /// <summary>The name, unique in its file.</summary>
    public string Name { get; }

    /// <summary>How the elements are encoded.</summary>
    public ElementType Type { get; }

    /// <summary>One to four sizes, each at least 1, in GGUF's order: the first is the length of a row, whose elements are contiguous.</summary>
    public IReadOnlyList<long> Dimensions { get; }

    /// <summary>Elements in a row: the first dimension.</summary>
    public long RowLength { get; }

    /// <summary>The number of rows: the product of all dimensions but the first.</summary>
    public long Rows { get; }

    /// <summary>Bytes of one encoded row.</summary>
    public long RowBytes { get; }

    /// <summary>Bytes of the whole tensor; rows follow each other without gaps.</summary>
    public long ByteLength { get; }

    /// <summary>Which of <see cref="GgufFile.Parts"/> holds the bytes, from 0.</summary>
    public int Part { get; }

    /// <summary>Byte offset of the first row from the start of that part's file.</summary>
    public long Offset { get; }

    /// <summary>The place among the tensors of its part.</summary>
    internal int IndexInPart { get; }

    /// <summary>Name, type and shape, such as <c>output.weight Q6_K [256, 4096]</c>.</summary>
    public override string ToString() => $"{Name} {Type} [{string.Join(", ", Dimensions)}]";
}
