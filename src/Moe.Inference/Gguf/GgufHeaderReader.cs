using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Moe.Inference.Gguf;

/// <summary>
/// Reads the header of a file from front to back. Nothing is read or allocated before the bytes it takes are known to be in the file,
/// so that memory is bounded by the file's length, whatever its counts claim.
/// </summary>
internal sealed class GgufHeaderReader : IDisposable
{
    private const int BufferBytes = 1 << 16;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Stream _stream;
    private readonly byte[] _buffer;
    private int _start;
    private int _end;

    /// <summary>Starts at the stream's beginning.</summary>
    /// <param name="stream">A seekable stream.</param>
    /// <param name="file">The file's path, for messages.</param>
    public GgufHeaderReader(Stream stream, string file)
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("GGUF files are read on little-endian machines only");
        _stream = stream;
        _stream.Position = 0;
        File = file;
        Length = stream.Length;
        _buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(Length, sizeof(ulong), BufferBytes));
    }

    /// <summary>The file's path.</summary>
    public string File { get; }

    /// <summary>Bytes in the file.</summary>
    public long Length { get; }

    /// <summary>Offset of the next byte.</summary>
    public long Offset { get; private set; }

    /// <summary>Bytes from here to the file's end.</summary>
    public long Remaining => Length - Offset;

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    /// <summary>What is being read, for messages, such as a metadata key and its name; text is made of it only when something is wrong.</summary>
    public (string Kind, string Name)? Subject { get; set; }

    /// <summary>An error at an offset, by default the next byte's.</summary>
    public GgufFormatException Error(string reason, long? at = null, Exception? inner = null) =>
        new(File, at ?? Offset, Subject is var (kind, name) ? $"{kind} {Quote(name)}: {reason}" : reason, inner);

    /// <summary>A name for messages: quoted, shortened, without control characters.</summary>
    public static string Quote(string name)
    {
        const int Most = 80;
        string shown = name.Length <= Most ? name : string.Concat(name.AsSpan(0, Most), "…");
        return $"'{string.Concat(shown.Select(c => char.IsControl(c) ? '\uFFFD' : c))}'";
    }

    /// <summary>Reads one number.</summary>
    public T Read<T>(string what)
        where T : unmanaged
    {
        int size = Unsafe.SizeOf<T>();
        Require(size, what);
        return MemoryMarshal.Read<T>(Take(size));
    }

    /// <summary>Reads a 64-bit count of things that take at least <paramref name="leastBytes"/> each, and checks that they can be there.</summary>
    public int ReadCount(string what, int leastBytes)
    {
        long at = Offset;
        ulong count = Read<ulong>(what);
        if (count > (ulong)(Remaining / leastBytes))
            throw Error($"{what} is {count}, more than the {Remaining} bytes left in the file can hold", at);
        if (count > (ulong)Array.MaxLength)
            throw Error($"{what} is {count}, more than this library can hold", at);
        return (int)count;
    }

    /// <summary>Reads a name: not empty, at most 65,535 bytes, valid UTF-8.</summary>
    public string ReadName(string what)
    {
        long at = Offset;
        int length = ReadLength(what, GgufLimits.MaxNameBytes);
        if (length == 0)
            throw Error($"{what} is empty", at);
        try
        {
            return Decode(length, StrictUtf8);
        }
        catch (DecoderFallbackException e)
        {
            throw Error($"{what} is not valid UTF-8", at, e);
        }
    }

    /// <summary>Reads a text; bytes that are not UTF-8 become U+FFFD.</summary>
    public string ReadString(string what) => Decode(ReadLength(what, GgufLimits.MaxStringBytes), Encoding.UTF8);

    /// <summary>Reads numbers whose count <see cref="ReadCount"/> has checked.</summary>
    public T[] ReadArray<T>(int count)
        where T : unmanaged
    {
        T[] values = GC.AllocateUninitializedArray<T>(count);
        CopyTo(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>Reads truth values whose count <see cref="ReadCount"/> has checked; a byte other than 0 and 1 is an error.</summary>
    public bool[] ReadBooleans(int count)
    {
        bool[] values = new bool[count];
        for (int i = 0; i < count; i++)
            values[i] = ReadBoolean();
        return values;
    }

    /// <summary>Reads one truth value; a byte other than 0 and 1 is an error.</summary>
    public bool ReadBoolean()
    {
        long at = Offset;
        byte value = Read<byte>("a boolean");
        return value <= 1 ? value == 1 : throw Error($"a boolean is {value}; only 0 and 1 are allowed", at);
    }

    private int ReadLength(string what, int most)
    {
        long at = Offset;
        ulong length = Read<ulong>(what);
        if (length > (ulong)Remaining)
            throw Error($"{what} has a length of {length} bytes, but only {Remaining} are left in the file", at);
        if (length > (ulong)most)
            throw Error($"{what} has a length of {length} bytes; at most {most} are allowed", at);
        return (int)length;
    }

    private void Require(int size, string what)
    {
        if (Remaining < size)
            throw Error($"the file ends within {what}");
    }

    private string Decode(int length, Encoding encoding)
    {
        if (length <= _buffer.Length)
            return encoding.GetString(Take(length));
        byte[] bytes = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            CopyTo(bytes.AsSpan(0, length));
            return encoding.GetString(bytes.AsSpan(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    /// <summary>The next bytes, at most a buffer full, known to be in the file.</summary>
    private ReadOnlySpan<byte> Take(int size)
    {
        if (_end - _start < size)
            Fill(size);
        ReadOnlySpan<byte> taken = _buffer.AsSpan(_start, size);
        _start += size;
        Offset += size;
        return taken;
    }

    private void Fill(int least)
    {
        int kept = _end - _start;
        _buffer.AsSpan(_start, kept).CopyTo(_buffer);
        _start = 0;
        _end = kept;
        _end += ReadStream(_buffer.AsSpan(kept), least - kept);
    }

    private void CopyTo(Span<byte> target)
    {
        int buffered = Math.Min(_end - _start, target.Length);
        _buffer.AsSpan(_start, buffered).CopyTo(target);
        _start += buffered;
        Span<byte> rest = target[buffered..];
        ReadStream(rest, rest.Length);
        Offset += target.Length;
    }

    private int ReadStream(Span<byte> target, int least)
    {
        int read = _stream.ReadAtLeast(target, least, throwOnEndOfStream: false);
        return read >= least ? read : throw Error("the file shrank while it was read");
    }
}
