using System.Runtime.InteropServices;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Quantization;

public class HalfBitsTests
{
    [Fact]
    public void Every_half_widens_as_the_runtime_widens_it()
    {
        ushort[] halves = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        float[] floats = new float[halves.Length];
        QuantFormats.Of(ElementType.F16).Decode(MemoryMarshal.AsBytes(halves.AsSpan()), floats);
        for (int i = 0; i < halves.Length; i++)
        {
            float wanted = (float)BitConverter.UInt16BitsToHalf(halves[i]);
            SameBits(floats[i], wanted).Should().BeTrue($"half {i:x4} is {wanted}, not {floats[i]}");
            SameBits(HalfBits.ToSingle(halves[i]), wanted).Should().BeTrue($"half {i:x4} alone is {wanted}");
        }
    }

    [Fact]
    public void Floats_narrow_to_halves_as_the_runtime_narrows_them()
    {
        float[] floats = Samples();
        ushort[] halves = new ushort[floats.Length];
        QuantFormats.Of(ElementType.F16).Encode(floats, MemoryMarshal.AsBytes(halves.AsSpan()));
        for (int i = 0; i < floats.Length; i++)
        {
            Half wanted = (Half)floats[i];
            Half got = BitConverter.UInt16BitsToHalf(halves[i]);
            bool same = Half.IsNaN(wanted) ? Half.IsNaN(got) : halves[i] == BitConverter.HalfToUInt16Bits(wanted);
            same.Should().BeTrue($"{floats[i]:r} narrows to {wanted}, not {got}");
        }
    }

    [Fact]
    public void Floats_narrow_to_the_nearest_bfloat()
    {
        float[] floats = Samples();
        ushort[] narrow = new ushort[floats.Length];
        float[] back = new float[floats.Length];
        QuantFormats.Of(ElementType.BF16).Encode(floats, MemoryMarshal.AsBytes(narrow.AsSpan()));
        QuantFormats.Of(ElementType.BF16).Decode(MemoryMarshal.AsBytes(narrow.AsSpan()), back);
        for (int i = 0; i < floats.Length; i++)
        {
            back[i].Should().Be(BitConverter.Int32BitsToSingle(narrow[i] << 16));
            if (float.IsNaN(floats[i]))
            {
                back[i].Should().Be(float.NaN);
                continue;
            }

            // Among the candidates below, at and above, the nearest, and the even one of two.
            uint bits = BitConverter.SingleToUInt32Bits(floats[i]);
            uint lower = bits >> 16, rest = bits & 0xFFFF;
            uint wanted = rest > 0x8000 || (rest == 0x8000 && (lower & 1) == 1) ? lower + 1 : lower;
            narrow[i].Should().Be((ushort)wanted, $"{floats[i]:r}");
        }
    }

    // All exponents, mantissas at and around the halfway points, both signs; and special numbers.
    private static float[] Samples()
    {
        List<float> samples = [0f, -0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, float.Epsilon, 65504, 65519.996f, 65520];
        Random random = new(5);
        for (int exponent = 0; exponent < 256; exponent++)
        {
            foreach (int mantissa in new[] { 0, 1, 0xFFF, 0x1000, 0x1001, 0x2FFF, 0x3000, 0x3001, 0x7FFF, 0x8000, 0x8001, 0x1_8000, 0x7F_EFFF, 0x7F_F000, 0x7F_FFFF, random.Next(1 << 23) })
            {
                samples.Add(BitConverter.Int32BitsToSingle((exponent << 23) | mantissa));
                samples.Add(-samples[^1]);
            }
        }
        return [.. samples];
    }

    private static bool SameBits(float a, float b) =>
        float.IsNaN(b) ? float.IsNaN(a) : BitConverter.SingleToInt32Bits(a) == BitConverter.SingleToInt32Bits(b);
}
