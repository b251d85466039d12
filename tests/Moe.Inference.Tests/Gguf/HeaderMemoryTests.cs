using Moe.Inference.Gguf;

namespace Moe.Inference.Tests.Gguf;

/// <summary>Valid headers made to take as much memory for each byte as possible.</summary>
public class HeaderMemoryTests
{
    private const int Count = 20_000;

    public static TheoryData<string> Kinds => ["keys", "tensors", "strings", "arrays", "bytes"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Memory_is_at_most_16_times_the_file(string kind)
    {
        byte[] bytes = Build(kind).ToArray();
        Read(bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        GgufHeader header = Read(bytes);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        // Tensor data is not read, so it does not count.
        long headerBytes = Math.Min(header.DataStart, bytes.Length);
        allocated.Should().BeLessThan((64 << 10) + (16 * headerBytes), $"the header has {headerBytes} bytes");
        (header.Tensors.Length + header.Metadata.Values.Sum(value => value.Count)).Should().Be(Count);
    }

    private static GgufHeader Read(byte[] bytes) => GgufHeader.Read(new MemoryStream(bytes), "test.gguf");

    private static RawGguf Build(string kind)
    {
        RawGguf raw = kind switch
        {
            "keys" => RawGguf.Start(0, Count),
            "tensors" => RawGguf.Start(Count, 0),
            "strings" => RawGguf.Start(0, 1).ArrayKey("a", GgufValueType.String, Count),
            "arrays" => RawGguf.Start(0, 1).ArrayKey("a", GgufValueType.Array, Count),
            _ => RawGguf.Start(0, 1).ArrayKey("a", GgufValueType.UInt8, Count),
        };
        for (int i = 0; i < Count; i++)
        {
            // Three characters of the base-64 kind tell all apart.
            string name = $"{(char)('0' + (i & 63))}{(char)('0' + ((i >> 6) & 63))}{(char)('0' + (i >> 12))}";
            switch (kind)
            {
                case "keys": raw.Key(name, GgufValueType.UInt8).Bytes([1]); break;
                case "tensors": raw.Tensor(name, 24, (ulong)i * 32, 1); break;
                case "strings": raw.Text("x"); break;
                case "arrays": raw.U32((uint)GgufValueType.String).U64(0); break;
                default: raw.Bytes([1]); break;
            }
        }
        return kind == "tensors" ? raw.Data(32 * Count) : raw;
    }
}
