using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Adds the lanes of several vectors at once.</summary>
internal static class LaneSums
{
    /// <summary>Lane r of the result is the sum of the lanes of the r-th vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> Of(Vector256<int> v0, Vector256<int> v1, Vector256<int> v2, Vector256<int> v3)
    {
        Vector256<int> halves = Halves(v0, v1, v2, v3);
        return halves.GetLower() + halves.GetUpper();
    }

    /// <summary>Lane r of the result is the sum of the lanes of the r-th vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Of(
        Vector256<int> v0, Vector256<int> v1, Vector256<int> v2, Vector256<int> v3,
        Vector256<int> v4, Vector256<int> v5, Vector256<int> v6, Vector256<int> v7)
    {
        Vector256<int> first = Halves(v0, v1, v2, v3), second = Halves(v4, v5, v6, v7);
        return Avx2.Permute2x128(first, second, 0x20) + Avx2.Permute2x128(first, second, 0x31);
    }

    /// <summary>Per 128 bits: sums of two lanes of a, then of b, in the order a, b, a, b.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Pairs(Vector512<int> a, Vector512<int> b) => Avx512F.UnpackLow(a, b) + Avx512F.UnpackHigh(a, b);

    /// <summary>Lanes 0 and 1 of the result are the sums of what <see cref="Pairs"/> made the first argument of, lanes 2 and 3 the second.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> OfPairs(Vector512<int> first, Vector512<int> second)
    {
        Vector512<long> a = first.AsInt64(), b = second.AsInt64();
        return OfQuarters(Avx512F.UnpackLow(a, b).AsInt32() + Avx512F.UnpackHigh(a, b).AsInt32());
    }

    /// <summary>The sum of the four quarters.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<int> OfQuarters(Vector512<int> v)
    {
        Vector256<int> halves = v.GetLower() + v.GetUpper();
        return halves.GetLower() + halves.GetUpper();
    }

    // Lane r of either half: the sum of that half of the r-th vector.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Halves(Vector256<int> v0, Vector256<int> v1, Vector256<int> v2, Vector256<int> v3) =>
        Avx2.HorizontalAdd(Avx2.HorizontalAdd(v0, v1), Avx2.HorizontalAdd(v2, v3));
}
