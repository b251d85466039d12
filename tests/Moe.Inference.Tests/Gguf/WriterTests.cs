using Moe.Inference.Gguf;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Gguf;

public sealed class WriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_bytes_are_those_laid_down_by_hand()
    {
        using MemoryStream stream = new();
        new GgufWriter { Version = 2 }
            .Set("b", new[] { "x", "" })
            .Set("a", (short)-2)
            .Set("n", GgufValue.Nested(new[] { 1u }, new[] { true }))
            .AddTensor("t", ElementType.Q8_0, [32, 2], Enumerable.Range(0, 68).Select(i => (byte)i).ToArray())
            .AddTensor("u", ElementType.I8, [1], new byte[] { 9 })
            .Write(stream);
        byte[] header = RawGguf.Start(2, 3, version: 2)
            .ArrayKey("b", GgufValueType.String, 2).Text("x").Text("")
            .Key("a", GgufValueType.Int16).Bytes([0xFE, 0xFF])
            .ArrayKey("n", GgufValueType.Array, 2)
                .U32((uint)GgufValueType.UInt32).U64(1).U32(1)
                .U32((uint)GgufValueType.Boolean).U64(1).Bytes([1])
            .Tensor("t", 8, 0, 32, 2)
            .Tensor("u", 24, 96, 1)
            .Data(0).ToArray();
        byte[] data = [.. Enumerable.Range(0, 68).Select(i => (byte)i), .. new byte[28], 9, .. new byte[31]];
        stream.ToArray().Should().Equal([.. header, .. data]);
    }

    [Fact]
    public void A_key_set_again_keeps_its_place()
    {
        using MemoryStream stream = new();
        new GgufWriter().Set("a", 1).Set("b", 2).Set("a", "new").Write(stream);
        GgufMetadata metadata = GgufHeader.Read(stream, "test.gguf").Metadata;
        metadata.Keys.Should().Equal("a", "b");
        metadata.GetString("a").Should().Be("new");
    }

    [Fact]
    public void The_alignment_is_a_key()
    {
        GgufWriter writer = new() { Alignment = 64 };
        writer.Alignment.Should().Be(64);
        writer.Set("general.alignment", 128u).Alignment.Should().Be(128);
        new GgufWriter().Alignment.Should().Be(32);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(33)]
    [InlineData(2 << 20)]
    [InlineData(-32)]
    public void A_bad_alignment_is_refused(int alignment)
    {
        Refuses(() => new GgufWriter { Alignment = alignment }, "*not a UInt32 power of two from 8 to 1048576*");
        Refuses(() => new GgufWriter().Set("general.alignment", 32), "*is Int32 32, not a UInt32*");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Another_version_is_refused(int version) => Refuses(() => new GgufWriter { Version = version }, "*");

    [Fact]
    public void Bad_keys_and_texts_are_refused()
    {
        GgufWriter writer = new();
        Refuses(() => writer.Set("", 1), "*");
        Refuses(() => writer.Set(new string('k', 65536), 1), "*takes 65536 bytes; at most 65535*");
        Refuses(() => writer.Set("\uD800", 1), "*not valid Unicode*");
        Refuses(() => writer.Set("k", "a\uDC00"), "*not valid Unicode*");
        Refuses(() => writer.Set("k", new[] { "fine", "\uD800" }), "*not valid Unicode*");
        Refuses(() => writer.Set("k", GgufValue.Nested(new[] { "\uD800" })), "*not valid Unicode*");
        Refuses(() => writer.Set("k", new string[] { null! }), "*no null*");
        Refuses(() => writer.Set("k", (string)null!), "*");
        Refuses(() => writer.Set("split.count", 2), "*'split.count' is set by WriteSplit*");
        Refuses(() => GgufValue.Nested(1), "*every element of a nested array is an array*");
    }

    [Fact]
    public void Arrays_nest_as_deep_as_the_reader_reads_them()
    {
        GgufValue value = new[] { 1 };
        for (int depth = 2; depth <= 8; depth++)
            value = GgufValue.Nested(value);
        using MemoryStream stream = new();
        new GgufWriter().Set("a", value).Write(stream);
        Samples.Same(GgufHeader.Read(stream, "test.gguf").Metadata["a"], value).Should().BeTrue();
        Refuses(() => GgufValue.Nested(value), "*at most 8 deep*");
    }

    [Fact]
    public void Bad_tensors_are_refused()
    {
        GgufWriter writer = new GgufWriter().AddTensor("a", ElementType.I8, [1], new byte[1]);
        Refuses(() => writer.AddTensor("a", ElementType.I8, [1], new byte[1]), "*already a tensor 'a'*");
        Refuses(() => writer.AddTensor("", ElementType.I8, [1], new byte[1]), "*");
        Refuses(() => writer.AddTensor(new string('n', 65), ElementType.I8, [1], new byte[1]), "*takes 65 bytes; at most 64*");
        Refuses(() => writer.AddTensor("b", ElementType.I8, [], new byte[1]), "*dimensions []; 1 to 4*");
        Refuses(() => writer.AddTensor("b", ElementType.I8, [1, 1, 1, 1, 1], new byte[1]), "*1 to 4 are allowed*");
        Refuses(() => writer.AddTensor("b", ElementType.I8, [2, 0], Array.Empty<byte>()), "*dimensions [2, 0]*each at least 1*");
        Refuses(() => writer.AddTensor("b", ElementType.Q4_K, [128], new byte[72]), "*whole blocks of 256*");
        Refuses(() => writer.AddTensor("b", (ElementType)4, [32], new byte[18]), "*unknown element type 4*");
        Refuses(() => writer.AddTensor("b", ElementType.I64, [1L << 31, 1L << 31], _ => { }), "*does not fit 63 bits*");
        Refuses(() => writer.AddTensor("b", ElementType.I8, [1L << 32, 1, 1L << 32], _ => { }), "*does not fit 63 bits*");
        Refuses(() => writer.AddTensor("b", ElementType.F32, [3], new byte[13]), "*takes 12 bytes, but 13 are given*");
        writer.AddTensor("b", ElementType.F32, [3], new byte[12]);
    }

    [Theory]
    [InlineData(11)]
    [InlineData(13)]
    [InlineData(0)]
    public void A_callback_that_writes_a_wrong_number_of_bytes_leaves_no_file(int bytes)
    {
        GgufWriter writer = new GgufWriter().AddTensor("a", ElementType.F32, [3], stream => stream.Write(new byte[bytes]));
        Refuses(() => writer.Write(_folder["x.gguf"]), "*tensor 'a' takes 12 bytes*");
        Refuses(() => writer.WriteSplit(_folder["x"]), "*tensor 'a' takes 12 bytes*");
        _folder.Names.Should().BeEmpty();
    }

    [Fact]
    public void A_failed_write_leaves_the_file_of_that_name_alone()
    {
        string path = _folder["x.gguf"];
        File.WriteAllText(path, "old");
        GgufWriter writer = new GgufWriter().AddTensor("a", ElementType.F32, [3], _ => throw new InvalidOperationException("no data"));
        Action write = () => writer.Write(path);
        write.Should().Throw<InvalidOperationException>();
        File.ReadAllText(path).Should().Be("old");
        _folder.Names.Should().Equal("x.gguf");
    }

    [Fact]
    public void A_file_can_be_replaced_by_one_made_from_it()
    {
        string path = _folder["x.gguf"];
        new GgufWriter().AddTensor("a", ElementType.I8, [4], new byte[] { 1, 2, 3, 4 }).Write(path);
        using (GgufFile file = GgufFile.Open(path))
        using (GgufContent content = file.Map())
            new GgufWriter().AddTensor("b", ElementType.I8, [4], stream => stream.Write(content.GetRows(file.Tensors[0], 0, 1))).Write(path);
        using GgufFile replaced = GgufFile.Open(path);
        using GgufContent read = replaced.ReadAll();
        read.Bytes(replaced.GetTensor("b")).Should().Equal(1, 2, 3, 4);
    }

    [Fact]
    public void A_callbacks_stream_ends_with_it()
    {
        Stream? kept = null;
        new GgufWriter().AddTensor("a", ElementType.I8, [1], stream => (kept = stream).WriteByte(1)).Write(new MemoryStream());
        Action late = () => kept!.WriteByte(2);
        late.Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Split_limits_are_kept()
    {
        GgufWriter writer = new();
        foreach ((string name, int bytes) in new[] { ("a", 32), ("b", 33), ("c", 500), ("d", 1), ("e", 1), ("f", 1) })
            writer.AddTensor(name, ElementType.I8, [bytes], new byte[bytes]);
        Groups(int.MaxValue, 96).Should().Equal("ab", "c", "def");
        Groups(int.MaxValue, 95).Should().Equal("a", "b", "c", "de", "f");
        Groups(2, 96).Should().Equal("ab", "c", "de", "f");
        Groups(4, long.MaxValue).Should().Equal("abcd", "ef");
        Refuses(() => writer.WriteSplit(_folder["x"], 0), "*");
        Refuses(() => writer.WriteSplit(_folder["x"], 1, 0), "*");

        IEnumerable<string> Groups(int maxTensors, long maxBytes)
        {
            using GgufFile file = GgufFile.Open(writer.WriteSplit(_folder["x"], maxTensors, maxBytes)[0]);
            return file.Tensors.GroupBy(tensor => tensor.Part).Select(part => string.Concat(part.Select(tensor => tensor.Name))).ToArray();
        }
    }

    [Fact]
    public void A_split_without_tensors_has_one_part()
    {
        IReadOnlyList<string> parts = new GgufWriter().Set("a", 1).WriteSplit(_folder["x"], 1);
        parts.Should().Equal(_folder["x-00001-of-00001.gguf"]);
        using GgufFile file = GgufFile.Open(parts[0]);
        file.Metadata.GetInt32("a").Should().Be(1);
    }

    private static void Refuses(Action action, string message) => action.Should().Throw<ArgumentException>().WithMessage(message);
}
