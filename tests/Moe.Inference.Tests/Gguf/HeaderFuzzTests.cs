using System.Buffers.Binary;
using Moe.Inference.Gguf;

namespace Moe.Inference.Tests.Gguf;

/// <summary>Headers damaged at random: each is read or refused, with bounded memory, and nothing else ever happens.</summary>
public class HeaderFuzzTests
{
    private const int Cases = 100_000;

    private static readonly ulong[] Extremes =
    [
        0, 1, 2, 3, 8, 9, 12, 13, 31, 32, 33, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000, 1 << 20, int.MaxValue, 1UL << 31, uint.MaxValue, 1UL << 32,
        1UL << 60, 1UL << 62, long.MaxValue, 1UL << 63, (1UL << 63) + 1, ulong.MaxValue - 31, ulong.MaxValue,
    ];

    [Fact]
    public void A_damaged_header_is_read_or_refused()
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("MOE_TEST_SEED"), out int given) ? given : Random.Shared.Next();
        RawGguf[] samples = [RawGguf.Sample(), Small(), Split()];
        byte[][] bytes = [.. samples.Select(sample => sample.ToArray())];
        int refused = 0;
        for (int i = 0; i < Cases; i++)
        {
            Random random = new(unchecked(seed + i));
            int sample = random.Next(samples.Length);
            byte[] damaged = bytes[sample];
            for (int times = random.Next(1, 4); times > 0; times--)
                damaged = Damage(damaged, samples[sample].Fields, bytes[random.Next(bytes.Length)], random);
            refused += Check(damaged, $"seed {seed}, case {i} (run with MOE_TEST_SEED={unchecked(seed + i)}): ") ? 0 : 1;
        }
        refused.Should().BeInRange(Cases / 2, Cases - 100, "the damage should mostly be found, but not be of one kind only");
    }

    private static RawGguf Small() => RawGguf.Start(1, 1, version: 2).Key("k", GgufValueType.String).Text("v").Tensor("t", 2, 0, 32, 2).Data(36);

    private static RawGguf Split() => RawGguf.Start(1, 3)
        .Key("split.count", GgufValueType.UInt32).U32(3).Key("split.no", GgufValueType.UInt32).U32(1)
        .Key("split.tensors.count", GgufValueType.Int32).U32(5)
        .Tensor("blk.0.ffn_down_exps.weight", 12, 0, 256, 2, 2).Data(576);

    /// <returns>Whether the header was read.</returns>
    private static bool Check(byte[] damaged, string context)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        GgufHeader? header = null;
        try
        {
            header = GgufHeader.Read(new MemoryStream(damaged), "fuzz.gguf");
        }
        catch (GgufFormatException)
        {
        }
        catch (Exception e)
        {
            Assert.Fail($"{context}{e}");
        }
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (allocated > (64 << 10) + (16L * damaged.Length))
            Assert.Fail($"{context}{allocated} bytes were allocated for a file of {damaged.Length}");
        foreach (GgufTensor tensor in header?.Tensors ?? [])
        {
            if (tensor.Offset < header!.DataStart || tensor.ByteLength < 1 || tensor.Offset + tensor.ByteLength > damaged.Length)
                Assert.Fail($"{context}{tensor} lies at {tensor.Offset} in a file of {damaged.Length} bytes");
        }
        return header is not null;
    }

    private static byte[] Damage(byte[] bytes, IReadOnlyList<(int Offset, int Size)> fields, byte[] other, Random random)
    {
        if (bytes.Length == 0)
            return bytes;
        switch (random.Next(6))
        {
            case 0:
                {
                    byte[] flipped = [.. bytes];
                    for (int times = random.Next(1, 9); times > 0; times--)
                        flipped[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                    return flipped;
                }
            case 1 or 2:
                {
                    (int offset, int size) = fields[random.Next(fields.Count)];
                    byte[] replaced = [.. bytes];
                    if (offset + size > bytes.Length)
                        return replaced;
                    Span<byte> field = replaced.AsSpan(offset, size);
                    ulong now = size == 4 ? BinaryPrimitives.ReadUInt32LittleEndian(field) : BinaryPrimitives.ReadUInt64LittleEndian(field);
                    ulong value = random.Next(4) switch
                    {
                        0 => unchecked(now + (ulong)random.Next(-2, 3)),
                        1 => (ulong)random.Next(bytes.Length + 2),
                        _ => Extremes[random.Next(Extremes.Length)],
                    };
                    if (size == 4)
                        BinaryPrimitives.WriteUInt32LittleEndian(field, unchecked((uint)value));
                    else
                        BinaryPrimitives.WriteUInt64LittleEndian(field, value);
                    return replaced;
                }
            case 3:
                return bytes[..random.Next(bytes.Length)];
            case 4:
                {
                    int from = random.Next(bytes.Length);
                    int to = random.Next(from, Math.Min(bytes.Length, from + 64) + 1);
                    int otherFrom = random.Next(other.Length);
                    int otherTo = random.Next(otherFrom, Math.Min(other.Length, otherFrom + 64) + 1);
                    return [.. bytes[..from], .. other[otherFrom..otherTo], .. bytes[to..]];
                }
            default:
                {
                    byte[] overwritten = [.. bytes];
                    int length = random.Next(1, Math.Min(16, bytes.Length) + 1);
                    random.NextBytes(overwritten.AsSpan(random.Next(bytes.Length - length + 1), length));
                    return overwritten;
                }
        }
    }
}
