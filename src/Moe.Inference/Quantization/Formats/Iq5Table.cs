using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Moe.Inference.Quantization;

/// <summary>The 32 values that the 5-bit codes of IQ5_K stand for; a group may use them shifted up by <see cref="Shift"/>.</summary>
internal static class Iq5Table
{
    /// <summary>What a group's extra bit adds to each value.</summary>
    public const int Shift = 2;

    /// <summary>The values.</summary>
    public static ReadOnlySpan<sbyte> Values =>
    [
        -126, -114, -103, -92, -83, -74, -65, -57, -50, -43, -36, -30, -24, -18, -12, -6,
        -1, 5, 11, 17, 23, 29, 36, 43, 51, 59, 68, 77, 87, 97, 109, 121,
    ];

    /// <summary>Looks 32 codes up at once.</summary>
    /// <param name="nibbles">The lower four bits of each code.</param>
    /// <param name="fifth">The fifth bit of each code, at its place: 16 or 0.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Lookup(Vector256<byte> nibbles, Vector256<byte> fifth)
    {
        Vector128<byte> lower = Vector128.Create((sbyte)-126, -114, -103, -92, -83, -74, -65, -57, -50, -43, -36, -30, -24, -18, -12, -6).AsByte();
        Vector128<byte> upper = Vector128.Create((sbyte)-1, 5, 11, 17, 23, 29, 36, 43, 51, 59, 68, 77, 87, 97, 109, 121).AsByte();
        Vector256<byte> isLower = Vector256.Equals(fifth, Vector256<byte>.Zero);
        return Vector256.ConditionalSelect(isLower, ByteTable.Lookup(lower, nibbles), ByteTable.Lookup(upper, nibbles));
    }
}
