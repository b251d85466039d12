using Moe.Inference.Gguf;

namespace Moe.Inference.Tests.Gguf;

/// <summary>Headers that are wrong in one way each: the message says which, and where.</summary>
public class HostileHeaderTests
{
    private const ulong Huge = 1UL << 60;

    [Fact]
    public void Another_format_is_refused() => Rejects(new RawGguf().Bytes("ggjt"u8).Bytes(new byte[40]), "*no GGUF file*", 0);

    [Fact]
    public void An_empty_file_is_refused() => Rejects(new RawGguf(), "*ends within the file's magic number*", 0);

    [Fact]
    public void Big_endian_is_refused() => Rejects(RawGguf.Start(0, 0, version: 0x03000000), "*big-endian*", 4);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(uint.MaxValue)]
    public void Other_versions_are_refused(uint version) => Rejects(RawGguf.Start(0, 0, version), $"*GGUF version {version}; versions 2 and 3*", 4);

    [Fact]
    public void A_tensor_count_beyond_the_file_is_refused() => Rejects(RawGguf.Start(Huge, 0).Data(100), "*number of tensors is 1152921504606846976*", 8);

    [Fact]
    public void A_key_count_beyond_the_file_is_refused() => Rejects(RawGguf.Start(0, ulong.MaxValue).Data(100), "*number of metadata keys is*", 16);

    [Fact]
    public void A_key_longer_than_the_file_is_refused() => Rejects(RawGguf.Start(0, 1).U64(Huge).Data(100), "*metadata key has a length of 1152921504606846976*", 24);

    [Fact]
    public void A_key_longer_than_allowed_is_refused() =>
        Rejects(RawGguf.Start(0, 1).U64(65536).Bytes(new byte[70_000]), "*length of 65536 bytes; at most 65535*", 24);

    [Fact]
    public void An_empty_key_is_refused() => Rejects(RawGguf.Start(0, 1).Key("", GgufValueType.UInt8).Data(10), "*metadata key is empty*", 24);

    [Fact]
    public void A_key_that_is_not_utf8_is_refused() => Rejects(RawGguf.Start(0, 1).U64(1).Bytes([0xC3]).Data(10), "*metadata key is not valid UTF-8*", 24);

    [Fact]
    public void A_duplicate_key_is_refused() =>
        Rejects(RawGguf.Start(0, 2).Key("a", GgufValueType.UInt8).Bytes([1]).Key("a", GgufValueType.UInt8).Bytes([2]), "*key 'a': the key occurs twice*", 38);

    [Theory]
    [InlineData(13)]
    [InlineData(uint.MaxValue)]
    public void An_unknown_value_type_is_refused(uint type) =>
        Rejects(RawGguf.Start(0, 1).Key("a", (GgufValueType)type).Data(10), $"*key 'a': there is no value type {type}*", 33);

    [Fact]
    public void An_unknown_array_element_type_is_refused() =>
        Rejects(RawGguf.Start(0, 1).ArrayKey("a", (GgufValueType)99, 1).Data(10), "*key 'a': there is no value type 99*", 37);

    [Fact]
    public void A_boolean_other_than_0_and_1_is_refused() =>
        Rejects(RawGguf.Start(0, 1).Key("a", GgufValueType.Boolean).Bytes([2]), "*key 'a': a boolean is 2*", 37);

    [Fact]
    public void A_boolean_other_than_0_and_1_in_an_array_is_refused() =>
        Rejects(RawGguf.Start(0, 1).ArrayKey("a", GgufValueType.Boolean, 3).Bytes([1, 0, 255]), "*key 'a': a boolean is 255*", 51);

    [Fact]
    public void A_string_longer_than_the_file_is_refused() =>
        Rejects(RawGguf.Start(0, 1).Key("a", GgufValueType.String).U64(11).Bytes(new byte[10]), "*key 'a': a string has a length of 11 bytes, but only 10*", 37);

    [Theory]
    [InlineData(GgufValueType.UInt8)]
    [InlineData(GgufValueType.Float64)]
    [InlineData(GgufValueType.String)]
    [InlineData(GgufValueType.Array)]
    [InlineData(GgufValueType.Boolean)]
    public void An_array_longer_than_the_file_is_refused_at_once(GgufValueType element)
    {
        foreach (ulong count in new[] { Huge, ulong.MaxValue, 101UL })
            Rejects(RawGguf.Start(0, 1).ArrayKey("a", element, count).Bytes(new byte[100]), $"*key 'a': the length of an array is {count}, more than the 100 bytes*", 41);
    }

    [Fact]
    public void Deep_nesting_is_refused()
    {
        RawGguf raw = RawGguf.Start(0, 1).Key("a", GgufValueType.Array);
        for (int i = 0; i < 100_000; i++)
            raw.U32((uint)GgufValueType.Array).U64(1);
        Rejects(raw, "*key 'a': arrays nest more than 8 deep*", 37 + (8 * 12));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(48)]
    [InlineData(1 << 21)]
    [InlineData(uint.MaxValue)]
    public void An_alignment_that_is_none_is_refused(uint alignment) =>
        Rejects(RawGguf.Start(0, 1).Key("general.alignment", GgufValueType.UInt32).U32(alignment), $"*alignment' is UInt32 {alignment}, not a power of two*", 53);

    [Fact]
    public void An_alignment_that_is_no_integer_is_refused() =>
        Rejects(RawGguf.Start(0, 1).Key("general.alignment", GgufValueType.Float32).U32(0x42000000), "*alignment' is Float32 32, not*", 53);

    [Fact]
    public void An_empty_tensor_name_is_refused() => Rejects(RawGguf.Start(1, 0).Tensor("", 0, 0, 1).Data(4), "*tensor's name is empty*", 24);

    [Fact]
    public void A_duplicate_tensor_name_is_refused() =>
        Rejects(RawGguf.Start(2, 0).Tensor("a", 0, 0, 1).Tensor("a", 0, 32, 1).Data(64), "*tensor 'a': the name occurs twice*", 57);

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void A_number_of_dimensions_other_than_1_to_4_is_refused(int rank) =>
        Rejects(RawGguf.Start(1, 0).Tensor("a", 0, 0, [.. Enumerable.Repeat(1UL, rank)]).Data(64), $"*tensor 'a': it has {rank} dimensions*", 33);

    [Fact]
    public void A_dimension_of_zero_is_refused() => Rejects(RawGguf.Start(1, 0).Tensor("a", 0, 0, 4, 0).Data(64), "*tensor 'a': dimension 1 is 0*", 45);

    [Fact]
    public void Dimensions_whose_product_overflows_are_refused()
    {
        Rejects(RawGguf.Start(1, 0).Tensor("a", 0, 0, 1UL << 32, 1UL << 31).Data(64), "*tensor 'a': its number of elements does not fit*", 45);
        Rejects(RawGguf.Start(1, 0).Tensor("a", 0, 0, ulong.MaxValue, 1).Data(64), "*tensor 'a': its number of elements does not fit*", 37);
        Rejects(RawGguf.Start(1, 0).Tensor("a", 0, 0, 1UL << 62, 1, 1, 4).Data(64), "*tensor 'a': its number of elements does not fit*", 61);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(31)]
    [InlineData(1000)]
    [InlineData(uint.MaxValue)]
    public void An_unknown_element_type_is_refused(uint type) =>
        Rejects(RawGguf.Start(1, 0).Tensor("a", type, 0, 32).Data(64), $"*tensor 'a': its element type {type} is not known*", 45);

    [Fact]
    public void Rows_that_are_not_whole_blocks_are_refused() =>
        Rejects(RawGguf.Start(1, 0).Tensor("a", 8, 0, 48, 2).Data(640), "*tensor 'a': its rows of 48 elements do not hold whole blocks of 32 (Q8_0)*", 37);

    [Fact]
    public void A_size_in_bytes_that_overflows_is_refused() =>
        Rejects(RawGguf.Start(1, 0).Tensor("a", 27, 0, 1UL << 31, 1UL << 31).Data(64), "*tensor 'a': it takes 36893488147419103232 bytes*", 37);

    [Fact]
    public void Data_past_the_end_is_refused()
    {
        Rejects(RawGguf.Start(1, 0).Tensor("a", 0, 0, 4).Data(15), "*tensor 'a': its data, 16 bytes from byte 64 on, goes past the file's end at 79*", 49);
        Rejects(RawGguf.Start(1, 0).Tensor("a", 0, 64, 4).Data(16), "*tensor 'a': its data, 16 bytes from byte 128 on, goes past*", 49);
        Rejects(RawGguf.Start(1, 0).Tensor("a", 0, ulong.MaxValue - 31, 4).Data(16), "*tensor 'a': its data begins 18446744073709551584 bytes into*", 49);
        Rejects(RawGguf.Start(1, 0).Tensor("a", 0, long.MaxValue - 31, 4).Data(16), "*tensor 'a': its data begins*", 49);
    }

    [Fact]
    public void Data_off_the_alignment_is_refused() =>
        Rejects(RawGguf.Start(1, 0).Tensor("a", 0, 16, 4).Data(64), "*tensor 'a': its data offset 16 is not a multiple of the alignment 32*", 49);

    [Fact]
    public void Overlapping_data_is_refused()
    {
        Rejects(RawGguf.Start(2, 0).Tensor("a", 0, 0, 9).Tensor("b", 0, 32, 4).Data(64), "*the data of tensors 'a' and 'b' overlap*", 82);
        Rejects(RawGguf.Start(2, 0).Tensor("b", 0, 32, 4).Tensor("a", 0, 0, 9).Data(64), "*the data of tensors 'a' and 'b' overlap*", 49);
        Rejects(RawGguf.Start(2, 0).Tensor("a", 0, 0, 4).Tensor("b", 0, 0, 4).Data(64), "*overlap*", null);
    }

    [Fact]
    public void Split_keys_that_contradict_each_other_are_refused()
    {
        Rejects(Split("split.count", 2, "split.no", 2), "*'split.no' is 2, not a number from 0 to 1*", null);
        Rejects(Split("split.count", 0xFFFFFFFF, "split.no", 0), "*'split.count' should be an integer of 32 signed bits*4294967295*", null);
        Rejects(Split("split.count", 100_000, "split.no", 0), "*'split.count' is 100000, not*", null);
        Rejects(Split("split.count", 2, "other", 0), "*'split.no' is missing*", null);

        static RawGguf Split(string key1, uint value1, string key2, uint value2) =>
            RawGguf.Start(0, 2).Key(key1, GgufValueType.UInt32).U32(value1).Key(key2, GgufValueType.UInt32).U32(value2);
    }

    [Fact]
    public void Long_and_unprintable_names_are_shortened_in_messages()
    {
        string name = "\u0007" + new string('x', 5000);
        Action read = () => RawGguf.Start(1, 0).Tensor(name, 999, 0, 1).Data(64).Read();
        string message = read.Should().Throw<GgufFormatException>().Which.Message;
        message.Length.Should().BeLessThan(200);
        message.Should().NotContain("\u0007");
    }

    [Fact]
    public void A_header_cut_off_at_any_byte_is_refused()
    {
        byte[] whole = RawGguf.Sample().ToArray();
        GgufHeader.Read(new MemoryStream(whole), "test.gguf").Tensors.Should().HaveCount(2);
        for (int length = 0; length < whole.Length; length++)
        {
            Action read = () => GgufHeader.Read(new MemoryStream(whole, 0, length), "test.gguf");
            GgufFormatException error = read.Should().Throw<GgufFormatException>($"only {length} bytes are left").Which;
            error.Offset.Should().BeInRange(0, length);
            error.File.Should().Be("test.gguf");
        }
    }

    private static void Rejects(RawGguf raw, string message, long? offset)
    {
        Action read = () => raw.Read();
        GgufFormatException error = read.Should().Throw<GgufFormatException>().WithMessage(message).Which;
        if (offset is not null)
            error.Offset.Should().Be(offset, error.Message);
        error.File.Should().Be("test.gguf");
    }
}
