using System.Runtime.InteropServices;
using System.Text;

namespace Moe.Inference.Gguf;

/// <summary>Writes one physical file from front to back: fixed header, keys and values, tensor directory, tensor data.</summary>
internal static class GgufHeaderWriter
{
    private const int BufferBytes = 1 << 20;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Writes a file; the stream stays open.</summary>
    public static void Write(
        Stream stream, int version, int alignment, OrderedDictionary<string, GgufValue> values, IReadOnlyList<TensorSource> tensors)
    {
        using BufferedStream buffered = new(new CountedStream(stream), BufferBytes);
        // A counted stream over the buffer as well: BinaryWriter disposes what it is given, and the position is needed.
        using CountedStream output = new(buffered);
        using BinaryWriter writer = new(output, StrictUtf8, leaveOpen: true);
        writer.Write(GgufLimits.Magic);
        writer.Write(version);
        writer.Write((ulong)tensors.Count);
        writer.Write((ulong)values.Count);
        foreach ((string key, GgufValue value) in values)
        {
            WriteString(writer, key);
            writer.Write((uint)value.Type);
            WriteValue(writer, value);
        }
        WriteDirectory(writer, tensors, alignment);
        Pad(output, output.Position, alignment);
        foreach (TensorSource source in tensors)
        {
            WriteData(output, source);
            Pad(output, source.Tensor.ByteLength, alignment);
        }
    }

    /// <summary>Refuses texts that cannot be written.</summary>
    public static void CheckTexts(GgufValue value, string argument)
    {
        switch (value.Value)
        {
            case string text:
                CheckText(text, GgufLimits.MaxStringBytes, argument);
                break;
            case string[] texts:
                Array.ForEach(texts, text => CheckText(text, GgufLimits.MaxStringBytes, argument));
                break;
            case GgufValue[] arrays:
                Array.ForEach(arrays, array => CheckTexts(array, argument));
                break;
        }
    }

    /// <summary>Refuses a text that is no valid Unicode or too long.</summary>
    public static void CheckText(string text, int mostBytes, string argument)
    {
        int bytes;
        try
        {
            bytes = StrictUtf8.GetByteCount(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException($"the text {GgufHeaderReader.Quote(text)} is not valid Unicode", argument, e);
        }
        if (bytes > mostBytes)
            throw new ArgumentException($"the text {GgufHeaderReader.Quote(text)} takes {bytes} bytes; at most {mostBytes} are allowed", argument);
    }

    private static void WriteDirectory(BinaryWriter writer, IReadOnlyList<TensorSource> tensors, int alignment)
    {
        long offset = 0;
        foreach ((GgufTensor tensor, _) in tensors)
        {
            WriteString(writer, tensor.Name);
            writer.Write(tensor.Dimensions.Count);
            foreach (long dimension in tensor.Dimensions)
                writer.Write(dimension);
            writer.Write((uint)tensor.Type);
            writer.Write(offset);
            offset = GgufLimits.AlignUp(offset + tensor.ByteLength, alignment);
        }
    }

    private static void WriteData(CountedStream output, TensorSource source)
    {
        GgufTensor tensor = source.Tensor;
        using CountedStream data = new(output, tensor.ByteLength, tensor.Name);
        source.Write(data);
        if (data.Position != tensor.ByteLength)
            throw new ArgumentException($"tensor '{tensor.Name}' takes {tensor.ByteLength} bytes, but {data.Position} were written");
    }

    private static void Pad(CountedStream output, long position, int alignment)
    {
        long missing = GgufLimits.AlignUp(position, alignment) - position;
        if (missing > 0)
            output.Write(new byte[missing]);
    }

    private static void WriteString(BinaryWriter writer, string text)
    {
        byte[] bytes = StrictUtf8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private static void WriteValue(BinaryWriter writer, GgufValue value)
    {
        switch (value.Type)
        {
            case GgufValueType.UInt8: writer.Write((byte)value.Value); break;
            case GgufValueType.Int8: writer.Write((sbyte)value.Value); break;
            case GgufValueType.UInt16: writer.Write((ushort)value.Value); break;
            case GgufValueType.Int16: writer.Write((short)value.Value); break;
            case GgufValueType.UInt32: writer.Write((uint)value.Value); break;
            case GgufValueType.Int32: writer.Write((int)value.Value); break;
            case GgufValueType.UInt64: writer.Write((ulong)value.Value); break;
            case GgufValueType.Int64: writer.Write((long)value.Value); break;
            case GgufValueType.Float32: writer.Write((float)value.Value); break;
            case GgufValueType.Float64: writer.Write((double)value.Value); break;
            case GgufValueType.Boolean: writer.Write((bool)value.Value); break;
            case GgufValueType.String: WriteString(writer, (string)value.Value); break;
            default: WriteArray(writer, value); break;
        }
    }

    private static void WriteArray(BinaryWriter writer, GgufValue value)
    {
        writer.Write((uint)value.ElementType!.Value);
        writer.Write((ulong)value.Count);
        switch (value.ElementType)
        {
            case GgufValueType.UInt8 or GgufValueType.Int8: WriteNumbers<byte>(writer, value); break;
            case GgufValueType.UInt16 or GgufValueType.Int16: WriteNumbers<ushort>(writer, value); break;
            case GgufValueType.UInt32 or GgufValueType.Int32: WriteNumbers<uint>(writer, value); break;
            case GgufValueType.UInt64 or GgufValueType.Int64: WriteNumbers<ulong>(writer, value); break;
            case GgufValueType.Float32: WriteNumbers<float>(writer, value); break;
            case GgufValueType.Float64: WriteNumbers<double>(writer, value); break;
            case GgufValueType.Boolean: Array.ForEach((bool[])value.Value, writer.Write); break;
            case GgufValueType.String: Array.ForEach((string[])value.Value, text => WriteString(writer, text)); break;
            default: Array.ForEach((GgufValue[])value.Value, array => WriteArray(writer, array)); break;
        }
    }

    /// <summary>Writes the bytes of numbers; the runtime lets a signed array pass for an unsigned one of the same width.</summary>
    private static void WriteNumbers<T>(BinaryWriter writer, GgufValue value)
        where T : unmanaged =>
        writer.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<T>((T[])value.Value)));
}
