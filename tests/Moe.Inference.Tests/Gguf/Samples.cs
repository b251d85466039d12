using CsCheck;
using Moe.Inference.Gguf;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Gguf;

/// <summary>Random content for files.</summary>
internal static class Samples
{
    // CsCheck's strings may hold lone surrogates, which no file can.
    public static readonly Gen<string> Text = Gen.Char[' ', '\uD7FF'].Array[0, 12].Select(letters => new string(letters));

    private static readonly Gen<GgufValue> FlatArray = Gen.OneOf<GgufValue>(
        Gen.Byte.Array[0, 9].Select(v => (GgufValue)v),
        Gen.SByte.Array[0, 9].Select(v => (GgufValue)v),
        Gen.UShort.Array[0, 9].Select(v => (GgufValue)v),
        Gen.Short.Array[0, 9].Select(v => (GgufValue)v),
        Gen.UInt.Array[0, 9].Select(v => (GgufValue)v),
        Gen.Int.Array[0, 9].Select(v => (GgufValue)v),
        Gen.ULong.Array[0, 9].Select(v => (GgufValue)v),
        Gen.Long.Array[0, 9].Select(v => (GgufValue)v),
        Gen.Float.Array[0, 9].Select(v => (GgufValue)v),
        Gen.Double.Array[0, 9].Select(v => (GgufValue)v),
        Gen.Bool.Array[0, 9].Select(v => (GgufValue)v),
        Text.Array[0, 9].Select(v => (GgufValue)v));

    private static readonly Gen<GgufValue> NestedArray = FlatArray.Array[0, 4].Select(v => GgufValue.Nested(v));

    public static readonly Gen<GgufValue> Value = Gen.OneOf<GgufValue>(
        Gen.Byte.Select(v => (GgufValue)v),
        Gen.SByte.Select(v => (GgufValue)v),
        Gen.UShort.Select(v => (GgufValue)v),
        Gen.Short.Select(v => (GgufValue)v),
        Gen.UInt.Select(v => (GgufValue)v),
        Gen.Int.Select(v => (GgufValue)v),
        Gen.ULong.Select(v => (GgufValue)v),
        Gen.Long.Select(v => (GgufValue)v),
        Gen.Float.Select(v => (GgufValue)v),
        Gen.Double.Select(v => (GgufValue)v),
        Gen.Bool.Select(v => (GgufValue)v),
        Text.Select(v => (GgufValue)v),
        FlatArray,
        NestedArray,
        NestedArray.Array[0, 3].Select(v => GgufValue.Nested(v)));

    public static readonly Gen<Tensor> AnyTensor =
        from type in Gen.OneOf(ElementLayout.KnownTypes.ToArray())
        from blocks in Gen.Long[1, 4]
        from rest in Gen.Long[1, 3].Array[0, 3]
        from seed in Gen.Int
        select Tensor.Create(type, [blocks * ElementLayout.Of(type).BlockLength, .. rest], seed);

    public static readonly Gen<Content> AnyContent =
        from version in Gen.Int[2, 3]
        from alignment in Gen.OneOf(8, 16, 32, 64, 4096)
        from values in Value.Array[0, 12]
        from keys in Text.Array[12]
        from tensors in AnyTensor.Array[0, 8]
        select new Content(version, alignment, [.. values.Select((value, i) => ($"{keys[i]}.{i}", value))], tensors);

    /// <summary>Whether two values are of one type and equal, floating-point numbers by their bits.</summary>
    public static bool Same(GgufValue a, GgufValue b)
    {
        if (a.Type != b.Type || a.ElementType != b.ElementType || a.Count != b.Count)
            return false;
        return (a.Value, b.Value) switch
        {
            (GgufValue[] x, GgufValue[] y) => x.Zip(y).All(pair => Same(pair.First, pair.Second)),
            (string[] x, string[] y) => x.SequenceEqual(y),
            (float x, float y) => BitConverter.SingleToInt32Bits(x) == BitConverter.SingleToInt32Bits(y),
            (double x, double y) => BitConverter.DoubleToInt64Bits(x) == BitConverter.DoubleToInt64Bits(y),
            (Array x, Array y) => x.GetType() == y.GetType() && Bytes(x).SequenceEqual(Bytes(y)),
            (object x, object y) => x.Equals(y),
        };
    }

    private static byte[] Bytes(Array values)
    {
        byte[] bytes = new byte[Buffer.ByteLength(values)];
        Buffer.BlockCopy(values, 0, bytes, 0, bytes.Length);
        return bytes;
    }

    internal sealed record Tensor(ElementType Type, long[] Dimensions, byte[] Data)
    {
        public static Tensor Create(ElementType type, long[] dimensions, int seed)
        {
            byte[] data = new byte[ElementLayout.Of(type).RowBytes(dimensions[0]) * dimensions[1..].Aggregate(1L, (product, d) => product * d)];
            new Random(seed).NextBytes(data);
            return new Tensor(type, dimensions, data);
        }
    }

    internal sealed record Content(int Version, int Alignment, (string Key, GgufValue Value)[] Values, Tensor[] Tensors)
    {
        public GgufWriter Writer()
        {
            GgufWriter writer = new() { Version = Version, Alignment = Alignment };
            foreach ((string key, GgufValue value) in Values)
                writer.Set(key, value);
            for (int i = 0; i < Tensors.Length; i++)
            {
                Tensor tensor = Tensors[i];
                if (i % 2 == 0)
                    writer.AddTensor($"tensor.{i}", tensor.Type, tensor.Dimensions, tensor.Data);
                else
                    writer.AddTensor($"tensor.{i}", tensor.Type, tensor.Dimensions, stream => Array.ForEach(tensor.Data, stream.WriteByte));
            }
            return writer;
        }

        public void ShouldBeIn(GgufFile file, GgufContent content)
        {
            file.Alignment.Should().Be(Alignment);
            file.Version.Should().Be(Version);
            file.Metadata.Keys.Where(key => !GgufSplit.IsKey(key)).Should().Equal(["general.alignment", .. Values.Select(pair => pair.Key)]);
            foreach ((string key, GgufValue value) in Values)
                Same(file.Metadata[key], value).Should().BeTrue($"{key} is {value}, and was read as {file.Metadata[key]}");
            file.Tensors.Should().HaveCount(Tensors.Length);
            file.TensorBytes.Should().Be(Tensors.Sum(tensor => (long)tensor.Data.Length));
            for (int i = 0; i < Tensors.Length; i++)
            {
                GgufTensor tensor = file.GetTensor($"tensor.{i}");
                tensor.Should().BeSameAs(file.Tensors[i]);
                tensor.Type.Should().Be(Tensors[i].Type);
                tensor.Dimensions.Should().Equal(Tensors[i].Dimensions);
                (tensor.Offset % Alignment).Should().Be(0);
                content.Bytes(tensor).AsSpan().SequenceEqual(Tensors[i].Data).Should().BeTrue(tensor.ToString());
            }
        }
    }
}
