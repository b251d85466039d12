using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Quantization;

/// <summary>
/// The 12 bytes in which Q4_K and Q5_K hold eight scales and eight minimums of 6 bits: bytes 0..3 are scales 0..3 and bytes 4..7 minimums
/// 0..3, with two upper bits of number 4..7 on top of each; bytes 8..11 are the lower nibbles of scales and minimums 4..7.
/// </summary>
internal static unsafe class KScales
{
    /// <summary>Bytes taken.</summary>
    public const int Bytes = 12;

    /// <summary>Unpacks to lanes as <see cref="ISuperBlock{T}.LoadScales"/> wants them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(byte* packed, out Vector256<short> scales, out Vector256<short> minimums)
    {
        uint first = *(uint*)packed, second = *(uint*)(packed + 4), nibbles = *(uint*)(packed + 8);
        scales = Spread(first & 0x3F3F_3F3F, (nibbles & 0x0F0F_0F0F) | ((first >> 2) & 0x3030_3030));
        minimums = Spread(second & 0x3F3F_3F3F, ((nibbles >> 4) & 0x0F0F_0F0F) | ((second >> 2) & 0x3030_3030));
    }

    /// <summary>Unpacks those of four rows to lanes as <see cref="ISuperBlock{T}.LoadWideScales"/> wants them; each pointer is to 16 bytes, the packed ones last.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadWide(
        byte* p0, byte* p1, byte* p2, byte* p3,
        out Vector512<short> s0, out Vector512<short> s1, out Vector512<short> s2, out Vector512<short> s3, out Vector512<short> minimums)
    {
        Vector512<uint> packed = Vector512.Create(
            Vector256.Create(Vector128.Load((uint*)p0), Vector128.Load((uint*)p1)), Vector256.Create(Vector128.Load((uint*)p2), Vector128.Load((uint*)p3)));
        // Per row: bytes 0..3, 8..11, 4..7 and 8..11 of the packed ones; the lower bits of eight scales, then of eight minimums.
        Vector512<uint> lower = Avx512F.ShiftRightLogicalVariable(
            Avx512F.Shuffle(packed, 0b11_10_11_01), Vector512.Create(0u, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4));
        lower &= Vector512.Create(0x0F0F_0F0F_3F3F_3F3Ful).AsUInt32();
        Vector512<uint> upper = Avx512F.Shuffle(packed, 0b10_10_01_01) >>> 2;
        upper &= Vector512.Create(0x3030_3030_0000_0000ul).AsUInt32();
        Vector512<byte> bytes = (lower | upper).AsByte();
        Vector512<short> rows01 = Avx512BW.ConvertToVector512Int16(bytes.GetLower()), rows23 = Avx512BW.ConvertToVector512Int16(bytes.GetUpper());
        s0 = Quarter(rows01, 0b00_00_00_00);
        s1 = Quarter(rows01, 0b10_10_10_10);
        s2 = Quarter(rows23, 0b00_00_00_00);
        s3 = Quarter(rows23, 0b10_10_10_10);
        minimums = Avx512F.PermuteVar16x32x2(
            rows01.AsInt32(), Vector512.Create(4, 12, 20, 28, 5, 13, 21, 29, 6, 14, 22, 30, 7, 15, 23, 31), rows23.AsInt32()).AsInt16();
    }

    /// <summary>Unpacks those of 16 rows as <see cref="ISuperBlock{T}.StoreTurnedScales"/> wants them.</summary>
    /// <param name="packed">The three packed words of each row, a vector each.</param>
    /// <param name="scales">Where scales go.</param>
    /// <param name="minimums">Where minimums go.</param>
    /// <param name="stride">32-bit numbers from a scale to the next one, and from two minimums to the next two.</param>
    public static void StoreTurned(uint* packed, uint* scales, uint* minimums, int stride)
    {
        Vector512<uint> first = Vector512.Load(packed), second = Vector512.Load(packed + 16), nibbles = Vector512.Load(packed + 32);
        Vector512<uint> six = Vector512.Create(0x3F3F_3F3Fu), four = Vector512.Create(0x0F0F_0F0Fu), upper = Vector512.Create(0x3030_3030u);
        StoreBytes(first & six, scales, stride);
        StoreBytes((nibbles & four) | ((first >>> 2) & upper), scales + (4 * stride), stride);
        StorePairs(second & six, minimums, stride);
        StorePairs(((nibbles >>> 4) & four) | ((second >>> 2) & upper), minimums + (2 * stride), stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreBytes(Vector512<uint> bytes, uint* to, int stride)
    {
        Vector512<uint> low = Vector512.Create(0xFFu);
        (bytes & low).Store(to);
        ((bytes >>> 8) & low).Store(to + stride);
        ((bytes >>> 16) & low).Store(to + (2 * stride));
        (bytes >>> 24).Store(to + (3 * stride));
    }

    // Four bytes become two pairs of shorts.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePairs(Vector512<uint> bytes, uint* to, int stride)
    {
        Vector512<uint> low = Vector512.Create(0xFFu), high = Vector512.Create(0xFF_0000u);
        ((bytes & low) | ((bytes << 8) & high)).Store(to);
        (((bytes >>> 16) & low) | ((bytes >>> 8) & high)).Store(to + stride);
    }

    /// <summary>Packs eight scales and eight minimums, each below 64.</summary>
    public static void Store(ReadOnlySpan<int> scales, ReadOnlySpan<int> minimums, byte* packed)
    {
        for (int i = 0; i < 4; i++)
        {
            packed[i] = (byte)(scales[i] | ((scales[i + 4] >> 4) << 6));
            packed[i + 4] = (byte)(minimums[i] | ((minimums[i + 4] >> 4) << 6));
            packed[i + 8] = (byte)((scales[i + 4] & 15) | ((minimums[i + 4] & 15) << 4));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> Quarter(Vector512<short> v, [ConstantExpected] byte control) =>
        Avx512F.Shuffle4x128(v.AsInt32(), v.AsInt32(), control).AsInt16();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Spread(uint lower, uint upper)
    {
        Vector128<short> wide = Vector128.WidenLower(Vector128.CreateScalar(lower | ((ulong)upper << 32)).AsByte()).AsInt16();
        return Vector256.Create(wide, wide);
    }
}
