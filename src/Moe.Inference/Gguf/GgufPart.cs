using Microsoft.Win32.SafeHandles;

namespace Moe.Inference.Gguf;

/// <summary>One physical file, held open so that its content is that of the header which was checked.</summary>
internal sealed class GgufPart : IDisposable
{
    private readonly FileStream _stream;

    private GgufPart(string path, FileStream stream, long length, GgufHeader header)
    {
        Path = path;
        _stream = stream;
        Handle = stream.SafeFileHandle;
        Length = length;
        Header = header;
    }

    public string Path { get; }

    /// <summary>Bytes in the file when its header was checked.</summary>
    public long Length { get; }

    public GgufHeader Header { get; }

    public SafeFileHandle Handle { get; }

    /// <summary>Opens one file and reads its header.</summary>
    public static GgufPart Open(string path)
    {
        // Unbuffered: the header reader has a buffer, and tensor data is read at offsets.
        FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        try
        {
            if (!stream.CanSeek)
                throw new IOException($"{path} is no regular file");
            long length = stream.Length;
            return new GgufPart(path, stream, length, GgufHeader.Read(stream, path));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>Opens all parts of a logical file, given any of them, in their order.</summary>
    /// <exception cref="GgufFormatException">A part is missing or does not belong to the others.</exception>
    public static GgufPart[] OpenAll(string path)
    {
        GgufPart given = Open(path);
        GgufSplit split = given.Header.Split;
        List<GgufPart> parts = [];
        try
        {
            if (split.Count == 1)
                return [given];
            string prefix = PrefixOf(given);
            for (int i = 0; i < split.Count; i++)
                parts.Add(i == split.Part ? given : OpenSibling(GgufSplit.PathOf(prefix, i, split.Count), i, given));
            CheckTensors(parts, split);
            return [.. parts];
        }
        catch
        {
            given.Dispose();
            parts.ForEach(part => part.Dispose());
            throw;
        }
    }

    public void Dispose() => _stream.Dispose();

    /// <summary>Reads bytes of the file; several threads may.</summary>
    /// <exception cref="GgufFormatException">The file ends before.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        for (int done = 0; done < destination.Length;)
        {
            int read = RandomAccess.Read(Handle, destination[done..], offset + done);
            if (read == 0)
                throw new GgufFormatException(Path, offset + done, "the file shrank while it was read");
            done += read;
        }
    }

    /// <summary>Throws if the file is shorter now: reading memory mapped past a file's end kills the process.</summary>
    public void CheckLength()
    {
        long now = RandomAccess.GetLength(Handle);
        if (now < Length)
            throw new GgufFormatException(Path, now, $"the file shrank to {now} bytes; it had {Length} when it was opened");
    }

    private static string PrefixOf(GgufPart given)
    {
        GgufSplit split = given.Header.Split;
        if (!GgufSplit.TryParsePath(given.Path, out string? prefix, out int part, out int count) || part != split.Part || count != split.Count)
        {
            throw new GgufFormatException(
                given.Path,
                given.Header.Metadata[GgufSplit.CountKey].Offset,
                $"the file is part {split.Part + 1} of {split.Count}, so its name must end in '{GgufSplit.PathOf("", split.Part, split.Count)}'");
        }
        return prefix;
    }

    private static GgufPart OpenSibling(string path, int index, GgufPart given)
    {
        GgufSplit expected = given.Header.Split with { Part = index };
        GgufPart part;
        try
        {
            part = Open(path);
        }
        catch (FileNotFoundException e)
        {
            throw new GgufFormatException(path, 0, $"part {index + 1} of {expected.Count} is missing; '{given.Path}' needs it", e);
        }
        GgufSplit found = part.Header.Split;
        if (found == expected)
            return part;
        long at = part.Header.Metadata.TryGetValue(GgufSplit.PartKey, out GgufValue? value) ? value.Offset : GgufLimits.FixedHeaderBytes;
        part.Dispose();
        throw new GgufFormatException(path, at, $"the file says that it is {Describe(found)}; '{given.Path}' needs {Describe(expected)} here");
    }

    private static string Describe(GgufSplit split) =>
        $"part {split.Part + 1} of {split.Count} with {(split.TensorCount < 0 ? "an unstated number of" : split.TensorCount)} tensors in all";

    private static void CheckTensors(List<GgufPart> parts, GgufSplit split)
    {
        long tensors = parts.Sum(part => (long)part.Header.Tensors.Length);
        if (split.TensorCount >= 0 && tensors != split.TensorCount)
        {
            throw new GgufFormatException(
                parts[0].Path,
                parts[0].Header.Metadata[GgufSplit.TensorCountKey].Offset,
                $"'{GgufSplit.TensorCountKey}' is {split.TensorCount}, but the {split.Count} parts hold {tensors} tensors");
        }
        Dictionary<string, GgufPart> owners = new(StringComparer.Ordinal);
        foreach (GgufPart part in parts)
        {
            foreach (GgufTensor tensor in part.Header.Tensors)
            {
                if (!owners.TryAdd(tensor.Name, part))
                    throw new GgufFormatException(part.Path, GgufLimits.FixedHeaderBytes, $"tensor '{tensor.Name}' is also in '{owners[tensor.Name].Path}'");
            }
        }
    }
}
