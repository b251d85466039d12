using System.Text;
using Moe.Inference.Gguf;

namespace Moe.Inference.Tests.Gguf;

/// <summary>Builds files byte by byte, wrong ones too, independently of the writer under test, and notes where its integers stand.</summary>
internal sealed class RawGguf
{
    private readonly List<byte> _bytes = [];
    private readonly List<(int Offset, int Size)> _fields = [];

    public int Length => _bytes.Count;

    /// <summary>The integers: counts, lengths, types, dimensions, offsets.</summary>
    public IReadOnlyList<(int Offset, int Size)> Fields => _fields;

    public static RawGguf Start(ulong tensors, ulong keys, uint version = 3) =>
        new RawGguf().Bytes("GGUF"u8).U32(version).U64(tensors).U64(keys);

    public RawGguf Bytes(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public RawGguf U32(uint value)
    {
        _fields.Add((Length, 4));
        return Bytes(BitConverter.GetBytes(value));
    }

    public RawGguf U64(ulong value)
    {
        _fields.Add((Length, 8));
        return Bytes(BitConverter.GetBytes(value));
    }

    public RawGguf Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return U64((ulong)bytes.Length).Bytes(bytes);
    }

    public RawGguf Key(string key, GgufValueType type) => Text(key).U32((uint)type);

    public RawGguf ArrayKey(string key, GgufValueType element, ulong count) => Key(key, GgufValueType.Array).U32((uint)element).U64(count);

    public RawGguf Tensor(string name, uint type, ulong offset, params ulong[] dimensions)
    {
        Text(name).U32((uint)dimensions.Length);
        foreach (ulong dimension in dimensions)
            U64(dimension);
        return U32(type).U64(offset);
    }

    /// <summary>Zeros up to the next multiple of the alignment, then data.</summary>
    public RawGguf Data(int bytes, int alignment = 32) => Bytes(new byte[(alignment - (Length % alignment)) % alignment + bytes]);

    public byte[] ToArray() => [.. _bytes];

    public GgufHeader Read() => GgufHeader.Read(new MemoryStream(ToArray()), "test.gguf");

    /// <summary>A small valid file with every metadata type and two tensors.</summary>
    public static RawGguf Sample() => Start(2, 18)
        .Key("general.alignment", GgufValueType.UInt32).U32(32)
        .Key("u8", GgufValueType.UInt8).Bytes([200])
        .Key("i8", GgufValueType.Int8).Bytes([0x80])
        .Key("u16", GgufValueType.UInt16).Bytes([0xFF, 0xFE])
        .Key("i16", GgufValueType.Int16).Bytes([0x00, 0x80])
        .Key("u32", GgufValueType.UInt32).U32(uint.MaxValue)
        .Key("i32", GgufValueType.Int32).U32(0x80000000)
        .Key("u64", GgufValueType.UInt64).U64(ulong.MaxValue)
        .Key("i64", GgufValueType.Int64).U64(1UL << 63)
        .Key("f32", GgufValueType.Float32).U32(0x3FC00000)
        .Key("f64", GgufValueType.Float64).U64(0xBFF8000000000000)
        .Key("yes", GgufValueType.Boolean).Bytes([1])
        .Key("text", GgufValueType.String).Text("héllo")
        .ArrayKey("ints", GgufValueType.Int32, 3).U32(1).U32(2).U32(uint.MaxValue)
        .ArrayKey("texts", GgufValueType.String, 2).Text("a").Text("")
        .ArrayKey("flags", GgufValueType.Boolean, 2).Bytes([1, 0])
        .ArrayKey("empty", GgufValueType.UInt16, 0)
        .ArrayKey("nested", GgufValueType.Array, 2)
            .U32((uint)GgufValueType.UInt8).U64(2).Bytes([7, 8])
            .U32((uint)GgufValueType.Array).U64(1).U32((uint)GgufValueType.String).U64(1).Text("deep")
        .Tensor("norm", 0, 0, 4)
        .Tensor("weight", 8, 32, 64, 3, 1, 2)
        .Data(32 + (68 * 6));
}
