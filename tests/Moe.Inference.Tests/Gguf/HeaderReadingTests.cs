using Moe.Inference.Gguf;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Gguf;

/// <summary>Headers that are right, from bytes laid down by hand.</summary>
public class HeaderReadingTests
{
    [Fact]
    public void Every_metadata_type_is_read()
    {
        GgufMetadata metadata = RawGguf.Sample().Read().Metadata;
        metadata.Keys.Should().Equal(
            "general.alignment", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "yes", "text", "ints", "texts", "flags", "empty", "nested");
        metadata["u8"].Value.Should().Be((byte)200);
        metadata["i8"].Value.Should().Be(sbyte.MinValue);
        metadata["u16"].Value.Should().Be((ushort)0xFEFF);
        metadata["i16"].Value.Should().Be(short.MinValue);
        metadata["u32"].Value.Should().Be(uint.MaxValue);
        metadata["i32"].Value.Should().Be(int.MinValue);
        metadata["u64"].Value.Should().Be(ulong.MaxValue);
        metadata["i64"].Value.Should().Be(long.MinValue);
        metadata["f32"].Value.Should().Be(1.5f);
        metadata["f64"].Value.Should().Be(-1.5);
        metadata["yes"].Value.Should().Be(true);
        metadata["text"].Value.Should().Be("héllo");
        metadata["ints"].Value.Should().BeOfType<int[]>().Which.Should().Equal(1, 2, -1);
        metadata["texts"].Value.Should().BeOfType<string[]>().Which.Should().Equal("a", "");
        metadata["flags"].Value.Should().BeOfType<bool[]>().Which.Should().Equal(true, false);
        metadata["empty"].Value.Should().BeOfType<ushort[]>().Which.Should().BeEmpty();
        GgufValue[] nested = (GgufValue[])metadata["nested"].Value;
        nested[0].Value.Should().BeOfType<byte[]>().Which.Should().Equal(7, 8);
        GgufValue[] deeper = (GgufValue[])nested[1].Value;
        deeper[0].Value.Should().BeOfType<string[]>().Which.Should().Equal("deep");
    }

    [Fact]
    public void Tensors_have_sizes_and_absolute_offsets()
    {
        RawGguf raw = RawGguf.Sample();
        GgufHeader header = raw.Read();
        (header.DataStart % 32).Should().Be(0);
        header.DataStart.Should().Be(raw.Length - 32 - (68 * 6));
        header.Tensors.Should().HaveCount(2);
        GgufTensor norm = header.Tensors[0];
        norm.ToString().Should().Be("norm F32 [4]");
        (norm.RowLength, norm.Rows, norm.RowBytes, norm.ByteLength, norm.Offset).Should().Be((4, 1, 16, 16, header.DataStart));
        GgufTensor weight = header.Tensors[1];
        weight.Type.Should().Be(ElementType.Q8_0);
        weight.Dimensions.Should().Equal(64, 3, 1, 2);
        (weight.RowLength, weight.Rows, weight.RowBytes, weight.ByteLength, weight.Offset).Should().Be((64, 6, 68, 408, header.DataStart + 32));
    }

    [Fact]
    public void Version_2_is_read_too()
    {
        GgufHeader header = RawGguf.Start(0, 1, version: 2).Key("a", GgufValueType.String).Text("b").Read();
        header.Version.Should().Be(2);
        header.Metadata.GetString("a").Should().Be("b");
    }

    [Fact]
    public void A_file_without_tensors_need_not_be_padded()
    {
        GgufHeader header = RawGguf.Start(0, 0).Read();
        header.Tensors.Should().BeEmpty();
        header.Alignment.Should().Be(32);
    }

    [Fact]
    public void Text_that_is_not_utf8_is_read_with_replacement_characters() =>
        RawGguf.Start(0, 1).Key("a", GgufValueType.String).U64(3).Bytes([0x61, 0xFF, 0x62]).Read().Metadata.GetString("a").Should().Be("a\uFFFDb");

    [Fact]
    public void Row_headers_count_once_a_row()
    {
        GgufHeader header = RawGguf.Start(1, 0).Tensor("ks", 144, 0, 512, 3).Data(3 * (4 + (2 * 136))).Read();
        header.Tensors[0].RowBytes.Should().Be(4 + (2 * 136));
        header.Tensors[0].ByteLength.Should().Be(3 * (4 + (2 * 136)));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(4096)]
    [InlineData(1 << 20)]
    public void The_alignment_key_moves_the_data(int alignment)
    {
        GgufHeader header = RawGguf.Start(1, 1).Key("general.alignment", GgufValueType.UInt32).U32((uint)alignment).Tensor("t", 24, 0, 5)
            .Data(5, alignment).Read();
        header.Alignment.Should().Be(alignment);
        (header.DataStart % alignment).Should().Be(0);
    }

    [Fact]
    public void A_string_longer_than_the_read_buffer_is_read()
    {
        string text = string.Concat(Enumerable.Range(0, 40_000).Select(i => $"{i},"));
        GgufMetadata metadata = RawGguf.Start(0, 3).Key("a", GgufValueType.UInt8).Bytes([1]).Key("b", GgufValueType.String).Text(text)
            .Key("c", GgufValueType.UInt8).Bytes([2]).Read().Metadata;
        metadata.GetString("b").Should().Be(text);
        metadata.GetInt32("c").Should().Be(2);
    }

    [Fact]
    public void A_large_vocabulary_loads_fast()
    {
        RawGguf raw = RawGguf.Start(0, 1).ArrayKey("tokens", GgufValueType.String, 150_000);
        for (int i = 0; i < 150_000; i++)
            raw.Text($"token{i}");
        byte[] bytes = raw.ToArray();
        TimeSpan best = TimeSpan.MaxValue;
        for (int run = 0; run < 3; run++)
        {
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            GgufHeader header = GgufHeader.Read(new MemoryStream(bytes), "test.gguf");
            TimeSpan elapsed = System.Diagnostics.Stopwatch.GetElapsedTime(start);
            header.Metadata.GetStrings("tokens")[^1].Should().Be("token149999");
            best = elapsed < best ? elapsed : best;
        }
        best.Should().BeLessThan(TimeSpan.FromSeconds(0.3));
    }
}
