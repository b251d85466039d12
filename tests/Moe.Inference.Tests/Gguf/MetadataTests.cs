using Moe.Inference.Gguf;

namespace Moe.Inference.Tests.Gguf;

public class MetadataTests
{
    private readonly GgufMetadata _metadata = RawGguf.Sample().Read().Metadata;

    [Fact]
    public void Integers_of_any_width_are_accepted_where_they_fit()
    {
        _metadata.GetInt32("u8").Should().Be(200);
        _metadata.GetInt32("i8").Should().Be(-128);
        _metadata.GetInt32("u16").Should().Be(0xFEFF);
        _metadata.GetInt32("i16").Should().Be(short.MinValue);
        _metadata.GetInt32("i32").Should().Be(int.MinValue);
        _metadata.GetInt64("u32").Should().Be(uint.MaxValue);
        _metadata.GetInt64("i64").Should().Be(long.MinValue);
        _metadata.TryGetInt32("u32", out _).Should().BeFalse();
        _metadata.TryGetInt32("i64", out _).Should().BeFalse();
        _metadata.TryGetInt64("u64", out _).Should().BeFalse();
        _metadata.TryGetInt64("yes", out _).Should().BeFalse();
        _metadata.TryGetInt64("f32", out _).Should().BeFalse();
    }

    [Fact]
    public void Other_scalars_are_returned()
    {
        _metadata.GetSingle("f32").Should().Be(1.5f);
        _metadata.GetSingle("f64").Should().Be(-1.5f);
        _metadata.GetBoolean("yes").Should().BeTrue();
        _metadata.GetString("text").Should().Be("héllo");
        _metadata.TryGetSingle("i32", out _).Should().BeFalse();
        _metadata.TryGetBoolean("u8", out _).Should().BeFalse();
        _metadata.TryGetString("texts", out _).Should().BeFalse();
    }

    [Fact]
    public void Arrays_are_copies()
    {
        int[] ints = _metadata.GetInt32s("ints");
        ints.Should().Equal(1, 2, -1);
        ints[0] = 99;
        _metadata.GetInt32s("ints")[0].Should().Be(1);
        _metadata.GetStrings("texts").Should().NotBeSameAs(_metadata.GetStrings("texts"));
        _metadata.GetBooleans("flags").Should().Equal(true, false);
        _metadata.GetInt32s("empty").Should().BeEmpty();
    }

    [Fact]
    public void Integer_arrays_of_any_width_are_accepted_where_all_fit()
    {
        (GgufValue Value, int[]? Expected)[] cases =
        [
            (new byte[] { 0, 255 }, [0, 255]),
            (new sbyte[] { -128, 127 }, [-128, 127]),
            (new ushort[] { 65535 }, [65535]),
            (new short[] { -32768 }, [-32768]),
            (new uint[] { int.MaxValue }, [int.MaxValue]),
            (new uint[] { 1, 1U + int.MaxValue }, null),
            (new int[] { int.MinValue }, [int.MinValue]),
            (new long[] { int.MinValue, int.MaxValue }, [int.MinValue, int.MaxValue]),
            (new long[] { int.MinValue - 1L }, null),
            (new ulong[] { 7 }, [7]),
            (new ulong[] { ulong.MaxValue }, null),
            (new float[] { 1 }, null),
            (new bool[] { true }, null),
            (new string[] { "1" }, null),
            (1, null),
        ];
        foreach ((GgufValue value, int[]? expected) in cases)
        {
            value.TryGetInt32s(out int[]? found).Should().Be(expected is not null, value.ToString());
            found.Should().Equal(expected, value.ToString());
        }
    }

    [Fact]
    public void Floating_point_arrays_are_converted()
    {
        ((GgufValue)new float[] { 1.5f }).TryGetSingles(out float[]? singles).Should().BeTrue();
        singles.Should().Equal(1.5f);
        ((GgufValue)new double[] { 0.1 }).TryGetSingles(out singles).Should().BeTrue();
        singles.Should().Equal(0.1f);
        ((GgufValue)new int[] { 1 }).TryGetSingles(out _).Should().BeFalse();
    }

    [Fact]
    public void A_missing_key_is_named()
    {
        Action get = () => _metadata.GetInt32("absent");
        get.Should().Throw<GgufFormatException>().WithMessage("test.gguf: metadata key 'absent' is missing; an integer of 32 signed bits was wanted*");
        Action index = () => _ = _metadata["absent"];
        index.Should().Throw<GgufFormatException>().WithMessage("*'absent' is missing*");
        _metadata.TryGetStrings("absent", out _).Should().BeFalse();
        _metadata.ContainsKey("absent").Should().BeFalse();
    }

    [Fact]
    public void Defaults_stand_in_for_missing_keys_only()
    {
        _metadata.GetInt32("absent", 7).Should().Be(7);
        _metadata.GetInt64("absent", 8).Should().Be(8);
        _metadata.GetSingle("absent", 0.5f).Should().Be(0.5f);
        _metadata.GetBoolean("absent", true).Should().BeTrue();
        _metadata.GetString("absent", "x").Should().Be("x");
        _metadata.GetString("absent", null).Should().BeNull();
        _metadata.GetInt32("u8", 7).Should().Be(200);
        Action get = () => _metadata.GetInt32("text", 7);
        get.Should().Throw<GgufFormatException>();
    }

    [Fact]
    public void A_value_of_another_type_is_described_with_its_place()
    {
        Action get = () => _metadata.GetInt32("u32");
        GgufFormatException error = get.Should().Throw<GgufFormatException>()
            .WithMessage("*metadata key 'u32' should be an integer of 32 signed bits but is of type UInt32 4294967295*").Which;
        error.Offset.Should().Be(_metadata["u32"].Offset);
        error.Offset.Should().BeGreaterThan(24);
        get = () => _metadata.GetStrings("ints");
        get.Should().Throw<GgufFormatException>().WithMessage("*'ints' should be an array of strings but is of type array of Int32*");
        get = () => _metadata.GetSingle("text");
        get.Should().Throw<GgufFormatException>().WithMessage("*'text' should be a floating-point number but is of type String*");
    }

    [Fact]
    public void Offsets_point_at_the_values()
    {
        byte[] bytes = RawGguf.Sample().ToArray();
        bytes[_metadata["u8"].Offset].Should().Be(200);
        BitConverter.ToUInt32(bytes, (int)_metadata["u32"].Offset).Should().Be(uint.MaxValue);
        BitConverter.ToUInt64(bytes, (int)_metadata["text"].Offset).Should().Be(6);
        BitConverter.ToUInt32(bytes, (int)_metadata["ints"].Offset).Should().Be((uint)GgufValueType.Int32);
    }
}
