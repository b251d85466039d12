using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Quantization;

/// <summary>Lane-wise conversions between 16-bit and 32-bit integers across the vector widths.</summary>
internal static class Widening
{
    /// <summary>8 × 16 bits to 8 × 32 bits, with zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ToUInt32(Vector128<ushort> value) =>
        Avx2.IsSupported
            ? Avx2.ConvertToVector256Int32(value).AsUInt32()
            : Vector256.Create(Vector128.WidenLower(value), Vector128.WidenUpper(value));

    /// <summary>16 × 16 bits to 16 × 32 bits, with zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> ToUInt32(Vector256<ushort> value) =>
        Avx512F.IsSupported
            ? Avx512F.ConvertToVector512UInt32(value)
            : Vector512.Create(Vector256.WidenLower(value), Vector256.WidenUpper(value));

    /// <summary>16 × 16 bits to 16 × 32 bits, with copies of the sign.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> ToInt32(Vector256<short> value) =>
        Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Int32(value)
            : Vector512.Create(Vector256.WidenLower(value), Vector256.WidenUpper(value));

    /// <summary>8 × 32 bits, each below 65536, to 8 × 16 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<ushort> ToUInt16(Vector256<uint> value) => Vector128.Narrow(value.GetLower(), value.GetUpper());
}
