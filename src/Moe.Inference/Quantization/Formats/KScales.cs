using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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
    private static Vector256<short> Spread(uint lower, uint upper)
    {
        Vector128<short> wide = Vector128.WidenLower(Vector128.CreateScalar(lower | ((ulong)upper << 32)).AsByte()).AsInt16();
        return Vector256.Create(wide, wide);
    }
}
