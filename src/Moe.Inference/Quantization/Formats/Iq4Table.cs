using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Moe.Inference.Quantization;

/// <summary>The 16 values that the 4-bit codes of IQ4_XS and IQ4_NL stand for: dense near zero, where weights are.</summary>
internal static class Iq4Table
{
    /// <summary>The table in each quarter of a wide vector.</summary>
    public static readonly Vector512<byte> Wide = Vector512.Create(Vector);

    /// <summary>The same plus 128, unsigned.</summary>
    public static readonly Vector512<byte> WideBiased = Wide ^ Vector512.Create((byte)0x80);

    private static ReadOnlySpan<sbyte> Values => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>The table for <see cref="ByteTable"/>, signed bytes.</summary>
    public static Vector128<byte> Vector
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector128.Create((sbyte)-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113).AsByte();
    }

    /// <summary>The code whose value is nearest.</summary>
    public static int Nearest(float value) => CodeTable.Nearest(Values, value);

    /// <summary>The scale with which the table fits the weights best.</summary>
    public static unsafe float FitScale(float* x, int count) => CodeTable.FitScale(Values, x, count);
}
