using Moe.Inference.Tensors;

namespace Moe.Inference.Gguf;

/// <summary>Everything that one file says before its tensor data, read and checked.</summary>
internal sealed class GgufHeader
{
    private GgufHeader(int version, int alignment, GgufMetadata metadata, GgufSplit split, GgufTensor[] tensors, long dataStart)
    {
        Version = version;
        Alignment = alignment;
        Metadata = metadata;
        Split = split;
        Tensors = tensors;
        DataStart = dataStart;
    }

    public int Version { get; }

    public int Alignment { get; }

    public GgufMetadata Metadata { get; }

    /// <summary>Which part of a split file this is; the only one if it is not split.</summary>
    public GgufSplit Split { get; }

    /// <summary>In the order of the directory; their part is that of <see cref="Split"/>.</summary>
    public GgufTensor[] Tensors { get; }

    /// <summary>Where tensor data begins; past the end in a file without tensors.</summary>
    public long DataStart { get; }

    /// <summary>Reads a header.</summary>
    /// <param name="stream">The file; seekable.</param>
    /// <param name="file">Its path, for messages.</param>
    /// <exception cref="GgufFormatException">Anything is wrong with it.</exception>
    public static GgufHeader Read(Stream stream, string file)
    {
        using GgufHeaderReader reader = new(stream, file);
        int version = ReadVersion(reader);
        int tensorCount = reader.ReadCount("the number of tensors", GgufLimits.MinTensorEntryBytes);
        int keyCount = reader.ReadCount("the number of metadata keys", GgufLimits.MinKeyValueBytes);
        OrderedDictionary<string, GgufValue> values = GgufValueReader.ReadAll(reader, keyCount);
        GgufMetadata metadata = new(file, values);
        int alignment = ReadAlignment(reader, values);
        GgufSplit split = GgufSplit.Read(metadata, file);
        TensorEntry[] entries = ReadEntries(reader, tensorCount);
        long dataStart = GgufLimits.AlignUp(reader.Offset, alignment);
        CheckPlaces(reader, entries, dataStart, alignment);
        GgufTensor[] tensors = new GgufTensor[tensorCount];
        for (int i = 0; i < tensors.Length; i++)
            tensors[i] = new GgufTensor(entries[i].Name, entries[i].Type, entries[i].Dimensions, split.Part, i, dataStart + entries[i].Offset);
        return new GgufHeader(version, alignment, metadata, split, tensors, dataStart);
    }

    private static int ReadVersion(GgufHeaderReader reader)
    {
        uint magic = reader.Read<uint>("the file's magic number");
        if (magic != GgufLimits.Magic)
            throw reader.Error($"this is no GGUF file: it begins with 0x{magic:X8}, not 0x{GgufLimits.Magic:X8} ('GGUF')", 0);
        uint version = reader.Read<uint>("the format version");
        if ((version & 0xFFFF) == 0 && version != 0)
            throw reader.Error("the file is big-endian; only little-endian GGUF files are read", 4);
        if (version is < GgufLimits.MinVersion or > GgufLimits.MaxVersion)
            throw reader.Error($"the file has GGUF version {version}; versions {GgufLimits.MinVersion} and {GgufLimits.MaxVersion} are read", 4);
        return (int)version;
    }

    private static int ReadAlignment(GgufHeaderReader reader, OrderedDictionary<string, GgufValue> values)
    {
        if (!values.TryGetValue(GgufLimits.AlignmentKey, out GgufValue? value))
            return GgufLimits.DefaultAlignment;
        if (!value.TryGetInt64(out long alignment) || !GgufLimits.IsAlignment(alignment))
        {
            throw reader.Error(
                $"'{GgufLimits.AlignmentKey}' is {value.Describe()} {value}, not a power of two from {GgufLimits.MinAlignment} to {GgufLimits.MaxAlignment}",
                value.Offset);
        }
        return (int)alignment;
    }

    private static TensorEntry[] ReadEntries(GgufHeaderReader reader, int count)
    {
        TensorEntry[] entries = new TensorEntry[count];
        HashSet<string> names = new(count, StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            reader.Subject = null;
            long at = reader.Offset;
            string name = reader.ReadName("a tensor's name");
            reader.Subject = ("tensor", name);
            if (!names.Add(name))
                throw reader.Error("the name occurs twice", at);
            entries[i] = ReadEntry(reader, name);
        }
        reader.Subject = null;
        return entries;
    }

    private static TensorEntry ReadEntry(GgufHeaderReader reader, string name)
    {
        long at = reader.Offset;
        uint rank = reader.Read<uint>("the number of dimensions");
        if (rank is 0 or > GgufLimits.MaxDimensions)
            throw reader.Error($"it has {rank} dimensions; 1 to {GgufLimits.MaxDimensions} are allowed", at);
        long dimensionsAt = reader.Offset;
        long[] dimensions = new long[rank];
        UInt128 elements = 1;
        for (int i = 0; i < dimensions.Length; i++)
        {
            at = reader.Offset;
            ulong dimension = reader.Read<ulong>("a dimension");
            elements *= dimension;
            if (dimension == 0)
                throw reader.Error($"dimension {i} is 0", at);
            if (elements > long.MaxValue)
                throw reader.Error("its number of elements does not fit 63 bits", at);
            dimensions[i] = (long)dimension;
        }
        at = reader.Offset;
        uint type = reader.Read<uint>("the element type");
        if (!ElementLayout.TryGet((ElementType)type, out ElementLayout layout))
            throw reader.Error($"its element type {type} is not known", at);
        if (dimensions[0] % layout.BlockLength != 0)
            throw reader.Error($"its rows of {dimensions[0]} elements do not hold whole blocks of {layout.BlockLength} ({layout.Type})", dimensionsAt);
        UInt128 rowBytes = ((UInt128)(dimensions[0] / layout.BlockLength) * (UInt128)layout.BlockBytes) + (UInt128)layout.RowHeaderBytes;
        UInt128 bytes = elements / (UInt128)dimensions[0] * rowBytes;
        if (bytes > (UInt128)reader.Length)
            throw reader.Error($"it takes {bytes} bytes, more than the file's {reader.Length}", dimensionsAt);
        at = reader.Offset;
        ulong offset = reader.Read<ulong>("the offset of its data");
        if (offset > (ulong)reader.Length)
            throw reader.Error($"its data begins {offset} bytes into the data section, past the file's end", at);
        return new TensorEntry(name, layout.Type, dimensions, (long)offset, (long)bytes, at);
    }

    /// <summary>Checks that each tensor is aligned and within the file, and that no two overlap.</summary>
    private static void CheckPlaces(GgufHeaderReader reader, TensorEntry[] entries, long dataStart, int alignment)
    {
        long[] begins = new long[entries.Length];
        int[] order = new int[entries.Length];
        for (int i = 0; i < entries.Length; i++)
        {
            TensorEntry entry = entries[i];
            reader.Subject = ("tensor", entry.Name);
            if (entry.Offset % alignment != 0)
                throw reader.Error($"its data offset {entry.Offset} is not a multiple of the alignment {alignment}", entry.OffsetAt);
            if (entry.Bytes > reader.Length - dataStart - entry.Offset)
            {
                throw reader.Error(
                    $"its data, {entry.Bytes} bytes from byte {dataStart + entry.Offset} on, goes past the file's end at {reader.Length}",
                    entry.OffsetAt);
            }
            begins[i] = entry.Offset;
            order[i] = i;
        }
        reader.Subject = null;
        Array.Sort(begins, order);
        for (int i = 1; i < order.Length; i++)
        {
            TensorEntry before = entries[order[i - 1]];
            TensorEntry entry = entries[order[i]];
            if (before.Offset + before.Bytes > entry.Offset)
            {
                throw reader.Error(
                    $"the data of tensors {GgufHeaderReader.Quote(before.Name)} and {GgufHeaderReader.Quote(entry.Name)} overlap",
                    entry.OffsetAt);
            }
        }
    }

    /// <summary>A line of the tensor directory, checked by itself.</summary>
    /// <param name="Name">The tensor's name.</param>
    /// <param name="Type">A known type.</param>
    /// <param name="Dimensions">One to four, none zero, their product within 63 bits.</param>
    /// <param name="Offset">Bytes from the start of the data section.</param>
    /// <param name="Bytes">Bytes of the data.</param>
    /// <param name="OffsetAt">Where in the file the offset stands.</param>
    private readonly record struct TensorEntry(string Name, ElementType Type, long[] Dimensions, long Offset, long Bytes, long OffsetAt);
}
