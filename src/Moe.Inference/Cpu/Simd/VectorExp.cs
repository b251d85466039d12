using System.Runtime.CompilerServices;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// The exponential function in single precision, within 2 units of the last place: <c>2ⁿ·eʳ</c> with n = round(x/ln 2) and a polynomial of
/// degree 7 for |r| ≤ ln 2 / 2 (the Taylor terms, the last ones fitted). Below −87.3 the result is 0; NaN stays NaN.
/// </summary>
/// <typeparam name="V">The vector.</typeparam>
/// <typeparam name="L">Its arithmetic.</typeparam>
internal static class VectorExp<V, L>
    where V : struct
    where L : struct, IFloatLanes<V>
{
    private const float Least = -87.3f, Most = 88.3f;

    // ln 2 in two parts; the first has so few digits that its product with n is exact.
    private const float Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;

    /// <summary>eˣ of each lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of(V x)
    {
        V least = L.Broadcast(Least);
        V bounded = L.Min(L.Broadcast(Most), L.Max(least, x));
        V n = L.Round(L.Multiply(bounded, L.Broadcast(1.44269504f)));
        V r = L.MultiplyAdd(n, L.Broadcast(-Ln2Low), L.MultiplyAdd(n, L.Broadcast(-Ln2High), bounded));
        V p = L.Broadcast(1.9875691500e-4f);
        p = L.MultiplyAdd(p, r, L.Broadcast(1.3981999507e-3f));
        p = L.MultiplyAdd(p, r, L.Broadcast(8.3334519073e-3f));
        p = L.MultiplyAdd(p, r, L.Broadcast(4.1665795894e-2f));
        p = L.MultiplyAdd(p, r, L.Broadcast(1.6666665459e-1f));
        p = L.MultiplyAdd(p, r, L.Broadcast(5.0000001201e-1f));
        p = L.Add(L.MultiplyAdd(p, L.Multiply(r, r), r), L.Broadcast(1));
        return L.ZeroWhereLess(x, least, L.Multiply(p, L.PowerOfTwo(n)));
    }
}
