using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Quantization;

public class QuantFormatTests
{
    public static TheoryData<ElementType> Quantized =>
        new(QuantFormats.Types.Where(type => ElementLayout.Of(type).BlockLength > 1));

    public static TheoryData<ElementType> All => new(QuantFormats.Types);

    [SkippableTheory]
    [MemberData(nameof(Quantized))]
    public void Decodes_to_the_bits_of_the_reference(ElementType type)
    {
        QuantReference reference = QuantReference.Read(type);
        QuantFormat format = QuantFormats.Of(type);
        int rowBytes = (int)format.Layout.RowBytes(reference.Columns);
        (reference.Rows * rowBytes).Should().Be(reference.Data.Length);
        float[] decoded = new float[reference.Floats.Length];
        for (int row = 0; row < reference.Rows; row++)
            format.Decode(reference.Data.AsSpan(row * rowBytes, rowBytes), decoded.AsSpan(row * reference.Columns, reference.Columns));
        for (int i = 0; i < decoded.Length; i++)
            BitConverter.SingleToInt32Bits(decoded[i]).Should().Be(BitConverter.SingleToInt32Bits(reference.Floats[i]), $"element {i}");
    }

    [SkippableTheory]
    [MemberData(nameof(Quantized))]
    public void Encodes_nearly_as_well_as_the_reference(ElementType type)
    {
        double wanted = QuantReference.Read(type).RelativeRmse;
        RelativeError(type, Gaussian(4096, seed: 11)).Should().BeLessThan(1.25 * wanted);
    }

    [Theory]
    [MemberData(nameof(Quantized))]
    public void Encodes_zeros_as_zeros(ElementType type)
    {
        QuantFormat format = QuantFormats.Of(type);
        float[] decoded = RoundTrip(format, new float[512]);
        decoded.Should().OnlyContain(value => value == 0);
    }

    [Theory]
    [MemberData(nameof(Quantized))]
    public void Encodes_numbers_of_any_size_alike(ElementType type)
    {
        float[] x = Gaussian(512, seed: 12);
        double usual = RelativeError(type, x);
        foreach (float factor in new[] { 0.01f, 30f })
            RelativeError(type, x.Select(value => value * factor).ToArray()).Should().BeApproximately(usual, 0.2 * usual, $"times {factor}");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Refuses_lengths_that_do_not_fit(ElementType type)
    {
        QuantFormat format = QuantFormats.Of(type);
        int bytes = (int)format.Layout.RowBytes(256);
        ((Action)(() => format.Decode(new byte[bytes - 1], new float[256]))).Should().Throw<ArgumentException>();
        ((Action)(() => format.Encode(new float[256], new byte[bytes + 1]))).Should().Throw<ArgumentException>();
        if (format.Layout.BlockLength > 1)
            ((Action)(() => format.Decode(new byte[bytes], new float[255]))).Should().Throw<ArgumentException>();
    }

    [Fact]
    public void Names_the_type_it_does_not_know()
    {
        QuantFormats.TryGet(ElementType.I32, out _).Should().BeFalse();
        ((Action)(() => QuantFormats.Of(ElementType.I32))).Should().Throw<UnsupportedModelException>().WithMessage("*I32*");
    }

    internal static float[] Gaussian(int count, int seed)
    {
        Random random = new(seed);
        float[] x = new float[count];
        for (int i = 0; i < count; i++)
            x[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return x;
    }

    private static double RelativeError(ElementType type, float[] x)
    {
        float[] decoded = RoundTrip(QuantFormats.Of(type), x);
        double error = x.Zip(decoded, (a, b) => (double)(a - b) * (a - b)).Sum();
        return Math.Sqrt(error / x.Sum(a => (double)a * a));
    }

    private static float[] RoundTrip(QuantFormat format, float[] x)
    {
        byte[] encoded = new byte[format.Layout.RowBytes(x.Length)];
        format.Encode(x, encoded);
        float[] decoded = new float[x.Length];
        format.Decode(encoded, decoded);
        return decoded;
    }
}
