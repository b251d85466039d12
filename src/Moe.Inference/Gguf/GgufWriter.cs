using Moe.Inference.Tensors;

namespace Moe.Inference.Gguf;

/// <summary>
/// Writes GGUF files. Keys and tensors are collected first and keep their order; the bytes of tensors may be produced while the file is
/// written, so that files larger than memory can be made. Files appear under their names only when they are complete.
/// </summary>
public sealed class GgufWriter
{
    private readonly OrderedDictionary<string, GgufValue> _values = new(StringComparer.Ordinal);
    private readonly List<TensorSource> _tensors = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    /// <summary>The format version: 2 or 3 (the default). They do not differ in little-endian files.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Another version is given.</exception>
    public int Version
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, GgufLimits.MinVersion);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, GgufLimits.MaxVersion);
            field = value;
        }
    } = GgufLimits.MaxVersion;

    /// <summary>
    /// The alignment of tensor data in bytes: a power of two from 8 to 1 MiB; 32 unless it is set. It is the value of the key
    /// <c>general.alignment</c>.
    /// </summary>
    /// <exception cref="ArgumentException">Another number is given.</exception>
    public int Alignment
    {
        get => _values.TryGetValue(GgufLimits.AlignmentKey, out GgufValue? value) ? (int)(uint)value.Value : GgufLimits.DefaultAlignment;
        set => Set(GgufLimits.AlignmentKey, (uint)value);
    }

    /// <summary>Sets a key, adding it at the end or replacing its value.</summary>
    /// <param name="key">Not empty, at most 65,535 bytes of UTF-8.</param>
    /// <param name="value">The value; converts implicitly from numbers, booleans, strings and arrays of them. Its .NET type decides the type
    /// in the file: llama.cpp wants most counts as <see cref="uint"/>.</param>
    /// <returns>This writer.</returns>
    /// <exception cref="ArgumentException">The key or a text is too long or not valid Unicode, the key is one of <c>split.…</c>, which
    /// <see cref="WriteSplit"/> sets, or the value of <c>general.alignment</c> is no alignment.</exception>
    public GgufWriter Set(string key, GgufValue value)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(value);
        GgufHeaderWriter.CheckText(key, GgufLimits.MaxNameBytes, nameof(key));
        GgufHeaderWriter.CheckTexts(value, nameof(value));
        if (GgufSplit.IsKey(key))
            throw new ArgumentException($"'{key}' is set by {nameof(WriteSplit)}", nameof(key));
        if (key == GgufLimits.AlignmentKey && !(value.Value is uint alignment && GgufLimits.IsAlignment(alignment)))
        {
            throw new ArgumentException(
                $"'{key}' is {value.Describe()} {value}, not a UInt32 power of two from {GgufLimits.MinAlignment} to {GgufLimits.MaxAlignment}",
                nameof(value));
        }
        _values[key] = value;
        return this;
    }

    /// <summary>Sets all keys of a file, except those that describe its split into parts.</summary>
    /// <returns>This writer.</returns>
    /// <exception cref="ArgumentException">A value is one that <see cref="Set"/> refuses.</exception>
    public GgufWriter SetAll(GgufMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        foreach ((string key, GgufValue value) in metadata)
        {
            if (!GgufSplit.IsKey(key))
                Set(key, value);
        }
        return this;
    }

    /// <summary>Adds a tensor whose bytes are at hand; they are not copied until the file is written.</summary>
    /// <param name="name">The name: not empty, unique, at most 64 bytes of UTF-8.</param>
    /// <param name="type">A type whose sizes are known.</param>
    /// <param name="dimensions">One to four sizes of at least 1; the first is the length of a row, a multiple of the type's block length.</param>
    /// <param name="data">The encoded rows.</param>
    /// <returns>This writer.</returns>
    /// <exception cref="ArgumentException">An argument is not as described, or <paramref name="data"/> has the wrong length.</exception>
    public GgufWriter AddTensor(string name, ElementType type, IReadOnlyList<long> dimensions, ReadOnlyMemory<byte> data)
    {
        GgufTensor tensor = Describe(name, type, dimensions);
        if (data.Length != tensor.ByteLength)
            throw new ArgumentException($"tensor '{name}' takes {tensor.ByteLength} bytes, but {data.Length} are given", nameof(data));
        return Add(tensor, stream => stream.Write(data.Span));
    }

    /// <summary>Adds a tensor whose bytes are produced while the file is written.</summary>
    /// <param name="name">The name: not empty, unique, at most 64 bytes of UTF-8.</param>
    /// <param name="type">A type whose sizes are known.</param>
    /// <param name="dimensions">One to four sizes of at least 1; the first is the length of a row, a multiple of the type's block length.</param>
    /// <param name="write">Writes the encoded rows, all of them and no more, to a stream that can only be written; called once for each
    /// time the file is written, in the order of the tensors. A wrong number of bytes makes the writing fail with an
    /// <see cref="ArgumentException"/>.</param>
    /// <returns>This writer.</returns>
    /// <exception cref="ArgumentException">An argument is not as described.</exception>
    public GgufWriter AddTensor(string name, ElementType type, IReadOnlyList<long> dimensions, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        return Add(Describe(name, type, dimensions), write);
    }

    /// <summary>Writes one file, replacing one of that name only when the new one is complete.</summary>
    /// <exception cref="ArgumentException">A tensor's callback writes a wrong number of bytes.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Write(string path)
    {
        using TemporaryFile file = new(path);
        Write(file.Stream);
        file.Complete();
        file.Publish();
    }

    /// <summary>Writes one file to a stream, front to back; the stream stays open.</summary>
    /// <exception cref="ArgumentException">A tensor's callback writes a wrong number of bytes.</exception>
    public void Write(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        GgufHeaderWriter.Write(stream, Version, Alignment, _values, _tensors);
    }

    /// <summary>
    /// Writes <c>PREFIX-00001-of-0000N.gguf</c> and so on: the tensors in order, each part as full as the limits allow, all other keys in
    /// the first part. The parts appear under their names only when all are complete.
    /// </summary>
    /// <param name="pathPrefix">What the paths of all parts begin with.</param>
    /// <param name="maxTensorsPerPart">The most tensors in a part; at least 1.</param>
    /// <param name="maxBytesPerPart">The most bytes of tensor data in a part, padding included; a tensor that is larger gets its own part.</param>
    /// <returns>The paths of the parts.</returns>
    /// <exception cref="ArgumentException">A limit is below 1 or makes more than 65,535 parts, or a tensor's callback writes a wrong number of
    /// bytes.</exception>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public IReadOnlyList<string> WriteSplit(string pathPrefix, int maxTensorsPerPart = int.MaxValue, long maxBytesPerPart = long.MaxValue)
    {
        ArgumentException.ThrowIfNullOrEmpty(pathPrefix);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTensorsPerPart, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytesPerPart, 1);
        List<List<TensorSource>> parts = Group(maxTensorsPerPart, maxBytesPerPart);
        if (parts.Count > ushort.MaxValue)
            throw new ArgumentException($"the limits make {parts.Count} parts; at most {ushort.MaxValue} are possible");
        List<TemporaryFile> files = [];
        try
        {
            for (int i = 0; i < parts.Count; i++)
            {
                TemporaryFile file = new(GgufSplit.PathOf(pathPrefix, i, parts.Count));
                files.Add(file);
                GgufHeaderWriter.Write(file.Stream, Version, Alignment, PartValues(i, parts.Count), parts[i]);
                file.Complete();
            }
            files.ForEach(file => file.Publish());
            return [.. files.Select(file => file.FinalPath)];
        }
        finally
        {
            files.ForEach(file => file.Dispose());
        }
    }

    private static GgufTensor Describe(string name, ElementType type, IReadOnlyList<long> dimensions)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(dimensions);
        GgufHeaderWriter.CheckText(name, GgufLimits.MaxWrittenTensorNameBytes, nameof(name));
        if (dimensions.Count is 0 or > GgufLimits.MaxDimensions || dimensions.Any(dimension => dimension < 1))
        {
            throw new ArgumentException(
                $"tensor '{name}' has the dimensions [{string.Join(", ", dimensions)}]; 1 to {GgufLimits.MaxDimensions} are allowed, each at least 1",
                nameof(dimensions));
        }
        if (!ElementLayout.TryGet(type, out _))
            throw new ArgumentException($"tensor '{name}' has the unknown element type {(int)type}", nameof(type));
        try
        {
            return new GgufTensor(name, type, [.. dimensions], part: 0, indexInPart: 0, offset: 0);
        }
        catch (OverflowException e)
        {
            throw new ArgumentException($"the size of tensor '{name}' does not fit 63 bits", nameof(dimensions), e);
        }
    }

    private GgufWriter Add(GgufTensor tensor, Action<Stream> write)
    {
        if (!_names.Add(tensor.Name))
            throw new ArgumentException($"there is already a tensor '{tensor.Name}'");
        _tensors.Add(new TensorSource(tensor, write));
        return this;
    }

    private List<List<TensorSource>> Group(int maxTensors, long maxBytes)
    {
        List<List<TensorSource>> parts = [[]];
        long partBytes = 0;
        foreach (TensorSource source in _tensors)
        {
            long bytes = GgufLimits.AlignUp(source.Tensor.ByteLength, Alignment);
            if (parts[^1].Count == maxTensors || (parts[^1].Count > 0 && bytes > maxBytes - partBytes))
            {
                parts.Add([]);
                partBytes = 0;
            }
            parts[^1].Add(source);
            partBytes += bytes;
        }
        return parts;
    }

    private OrderedDictionary<string, GgufValue> PartValues(int part, int count)
    {
        OrderedDictionary<string, GgufValue> values = part == 0 ? new(_values, StringComparer.Ordinal) : new(StringComparer.Ordinal);
        // Each part is read by itself, so each states the alignment.
        if (_values.TryGetValue(GgufLimits.AlignmentKey, out GgufValue? alignment))
            values[GgufLimits.AlignmentKey] = alignment;
        values[GgufSplit.PartKey] = (ushort)part;
        values[GgufSplit.CountKey] = (ushort)count;
        values[GgufSplit.TensorCountKey] = _tensors.Count;
        return values;
    }
}
