using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Rows of 16-bit floats to and from rows of floats, to nearest even.</summary>
internal static unsafe class HalfConversion
{
    private static readonly QuantFormat Half = QuantFormats.Of(ElementType.F16), Brain = QuantFormats.Of(ElementType.BF16);

    /// <summary>IEEE halves to floats.</summary>
    public static void HalfToSingle(ushort* source, float* destination, int count) => Half.Decode((byte*)source, destination, count);

    /// <summary>Floats to IEEE halves; too large becomes infinity.</summary>
    public static void SingleToHalf(float* source, ushort* destination, int count) => Half.Encode(source, (byte*)destination, count);

    /// <summary>bfloat16 to floats.</summary>
    public static void BFloatToSingle(ushort* source, float* destination, int count) => Brain.Decode((byte*)source, destination, count);

    /// <summary>Floats to bfloat16.</summary>
    public static void SingleToBFloat(float* source, ushort* destination, int count) => Brain.Encode(source, (byte*)destination, count);
}
