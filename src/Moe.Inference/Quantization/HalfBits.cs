using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Moe.Inference.Quantization;

/// <summary>
/// IEEE binary16 ↔ binary32 with integer operations, lane by lane; subnormals, infinities and NaN as in IEEE 754. .NET has no F16C intrinsics.
/// Each lane of a <c>uint</c> vector holds a half in its lower 16 bits.
/// </summary>
internal static class HalfBits
{
    private const uint Rebias = 112u << 23; // float bias 127 minus half bias 15, in a float's exponent field
    private const uint SmallestNormal = 1u << 23;
    private const uint Infinity = 0x7C00u << 13;

    /// <summary>Widens 4 halves; the upper 16 bits of each lane are ignored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> ToSingle(Vector128<uint> half)
    {
        Vector128<uint> magnitude = (half & Vector128.Create(0x7FFFu)) << 13;
        Vector128<uint> sign = (half & Vector128.Create(0x8000u)) << 16;
        Vector128<uint> normal = magnitude + Vector128.Create(Rebias);
        normal += Vector128.GreaterThanOrEqual(magnitude.AsInt32(), Vector128.Create((int)Infinity)).AsUInt32() & Vector128.Create(Rebias);
        // A subnormal is a mantissa under the smallest normal exponent: give it that exponent's 1, then take the 1 away.
        Vector128<float> one = Vector128.Create(Rebias + SmallestNormal).AsSingle();
        Vector128<uint> subnormal = ((magnitude + one.AsUInt32()).AsSingle() - one).AsUInt32();
        Vector128<uint> isSubnormal = Vector128.LessThan(magnitude.AsInt32(), Vector128.Create((int)SmallestNormal)).AsUInt32();
        return (Vector128.ConditionalSelect(isSubnormal, subnormal, normal) | sign).AsSingle();
    }

    /// <summary>Widens 8 halves; the upper 16 bits of each lane are ignored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> ToSingle(Vector256<uint> half)
    {
        Vector256<uint> magnitude = (half & Vector256.Create(0x7FFFu)) << 13;
        Vector256<uint> sign = (half & Vector256.Create(0x8000u)) << 16;
        Vector256<uint> normal = magnitude + Vector256.Create(Rebias);
        normal += Vector256.GreaterThanOrEqual(magnitude.AsInt32(), Vector256.Create((int)Infinity)).AsUInt32() & Vector256.Create(Rebias);
        Vector256<float> one = Vector256.Create(Rebias + SmallestNormal).AsSingle();
        Vector256<uint> subnormal = ((magnitude + one.AsUInt32()).AsSingle() - one).AsUInt32();
        Vector256<uint> isSubnormal = Vector256.LessThan(magnitude.AsInt32(), Vector256.Create((int)SmallestNormal)).AsUInt32();
        return (Vector256.ConditionalSelect(isSubnormal, subnormal, normal) | sign).AsSingle();
    }

    /// <summary>Widens 16 halves; the upper 16 bits of each lane are ignored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToSingle(Vector512<uint> half)
    {
        Vector512<uint> magnitude = (half & Vector512.Create(0x7FFFu)) << 13;
        Vector512<uint> sign = (half & Vector512.Create(0x8000u)) << 16;
        Vector512<uint> normal = magnitude + Vector512.Create(Rebias);
        normal += Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(Infinity)) & Vector512.Create(Rebias);
        Vector512<float> one = Vector512.Create(Rebias + SmallestNormal).AsSingle();
        Vector512<uint> subnormal = ((magnitude + one.AsUInt32()).AsSingle() - one).AsUInt32();
        Vector512<uint> isSubnormal = Vector512.LessThan(magnitude, Vector512.Create(SmallestNormal));
        return (Vector512.ConditionalSelect(isSubnormal, subnormal, normal) | sign).AsSingle();
    }

    /// <summary>Widens 16 halves, faster where all of them are normal numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToSingle(Vector256<ushort> halves)
    {
        // Twice the half loses the sign; exponents 1 to 30 are then within this range.
        if (Vector256.GreaterThanOrEqualAny((halves << 1) - Vector256.Create((ushort)0x0800), Vector256.Create((ushort)0xF000)))
            return ToSingle(Widening.ToUInt32(halves));
        Vector512<uint> wide = Widening.ToInt32(halves.AsInt16()).AsUInt32() << 13;
        return ((wide & Vector512.Create(0x8FFF_E000u)) + Vector512.Create(Rebias)).AsSingle();
    }

    /// <summary>Narrows 8 floats to halves in the lower 16 bits of each lane, to nearest even; too large becomes infinity, NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> FromSingle(Vector256<float> value)
    {
        Vector256<uint> bits = value.AsUInt32();
        Vector256<uint> sign = (bits & Vector256.Create(0x8000_0000u)) >>> 16;
        Vector256<uint> magnitude = bits & Vector256.Create(0x7FFF_FFFFu);

        // Half the unit of the 10-bit mantissa less one, plus the bit that will be last: round to nearest even.
        Vector256<uint> odd = (magnitude >>> 13) & Vector256<uint>.One;
        Vector256<uint> normal = (magnitude - Vector256.Create(Rebias) + Vector256.Create(0xFFFu) + odd) >>> 13;

        // Adding 0.5 leaves a float whose last bit weighs 2^-24, the unit of subnormal halves; the addition rounds.
        Vector256<uint> subnormal = (magnitude.AsSingle() + Vector256.Create(0.5f)).AsUInt32() - Vector256.Create(0.5f).AsUInt32();

        Vector256<int> compared = magnitude.AsInt32();
        Vector256<uint> isSubnormal = Vector256.LessThan(compared, Vector256.Create(113 << 23)).AsUInt32();
        Vector256<uint> isTooLarge = Vector256.GreaterThanOrEqual(compared, Vector256.Create(0x477F_F000)).AsUInt32();
        Vector256<uint> isNaN = Vector256.GreaterThan(compared, Vector256.Create(0x7F80_0000)).AsUInt32();
        Vector256<uint> half = Vector256.ConditionalSelect(isSubnormal, subnormal, normal);
        half = Vector256.ConditionalSelect(isTooLarge, Vector256.Create(0x7C00u), half);
        half |= isNaN & (Vector256.Create(0x200u) | ((magnitude >>> 13) & Vector256.Create(0x3FFu)));
        return half | sign;
    }

    /// <summary>Widens one half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle(ushort half) => ToSingle(Vector128.CreateScalar((uint)half)).ToScalar();

    /// <summary>Narrows one float, to nearest even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort FromSingle(float value) => (ushort)FromSingle(Vector256.CreateScalar(value)).ToScalar();
}
