using System.Runtime.CompilerServices;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>The functions of <see cref="VectorMath"/> on one vector width.</summary>
/// <typeparam name="V">The vector.</typeparam>
/// <typeparam name="L">Its arithmetic.</typeparam>
internal static unsafe class VectorMath<V, L>
    where V : struct
    where L : struct, IFloatLanes<V>
{
    /// <inheritdoc cref="VectorMath.Dot"/>
    public static float Dot(float* a, float* b, int count)
    {
        // Four sums hide the latency of the multiply-add; vector j goes to sum j mod 4.
        V s0 = default, s1 = default, s2 = default, s3 = default;
        int i = 0;
        for (; i <= count - (4 * L.Count); i += 4 * L.Count)
        {
            s0 = L.MultiplyAdd(Load(a + i), Load(b + i), s0);
            s1 = L.MultiplyAdd(Load(a + i + L.Count), Load(b + i + L.Count), s1);
            s2 = L.MultiplyAdd(Load(a + i + (2 * L.Count)), Load(b + i + (2 * L.Count)), s2);
            s3 = L.MultiplyAdd(Load(a + i + (3 * L.Count)), Load(b + i + (3 * L.Count)), s3);
        }
        for (; i <= count - L.Count; i += L.Count)
            s0 = L.MultiplyAdd(Load(a + i), Load(b + i), s0);
        float sum = L.Sum(L.Add(L.Add(s0, s1), L.Add(s2, s3)));
        return i == count ? sum : sum + L.Sum(L.Multiply(Load(a + i, count - i), Load(b + i, count - i)));
    }

    /// <inheritdoc cref="VectorMath.Max"/>
    public static float Max(float* x, int count)
    {
        V greatest = L.Broadcast(float.NegativeInfinity);
        int i = 0;
        for (; i <= count - L.Count; i += L.Count)
            greatest = L.Max(Load(x + i), greatest);
        float result = L.MaxLane(greatest);
        for (; i < count; i++)
            result = x[i] > result ? x[i] : result;
        return result;
    }

    /// <inheritdoc cref="VectorMath.ScaledAdd"/>
    public static void ScaledAdd(float scale, float* x, float* y, int count)
    {
        V factor = L.Broadcast(scale);
        int i = 0;
        for (; i <= count - L.Count; i += L.Count)
            L.Store(L.MultiplyAdd(factor, Load(x + i), Load(y + i)), y + i);
        if (i < count)
            PartialVector<V, L>.Store(L.MultiplyAdd(factor, Load(x + i, count - i), Load(y + i, count - i)), y + i, count - i);
    }

    /// <inheritdoc cref="VectorMath.Scale"/>
    public static void Scale(float scale, float* x, float* y, int count)
    {
        V factor = L.Broadcast(scale);
        int i = 0;
        for (; i <= count - L.Count; i += L.Count)
            L.Store(L.Multiply(factor, Load(x + i)), y + i);
        if (i < count)
            PartialVector<V, L>.Store(L.Multiply(factor, Load(x + i, count - i)), y + i, count - i);
    }

    /// <inheritdoc cref="VectorMath.ScaleMultiply"/>
    public static void ScaleMultiply(float* x, float scale, float* weight, float* y, int count)
    {
        V factor = L.Broadcast(scale);
        int i = 0;
        for (; i <= count - L.Count; i += L.Count)
            L.Store(L.Multiply(L.Multiply(Load(x + i), factor), Load(weight + i)), y + i);
        if (i < count)
            PartialVector<V, L>.Store(L.Multiply(L.Multiply(Load(x + i, count - i), factor), Load(weight + i, count - i)), y + i, count - i);
    }

    /// <inheritdoc cref="VectorMath.ExpSum"/>
    public static float ExpSum(float* x, float shift, float* y, int count)
    {
        V minus = L.Broadcast(-shift), sum = default;
        int i = 0;
        for (; i <= count - L.Count; i += L.Count)
        {
            V power = Exp(L.Add(Load(x + i), minus));
            L.Store(power, y + i);
            sum = L.Add(sum, power);
        }
        float total = L.Sum(sum);
        if (i == count)
            return total;
        PartialVector<V, L>.Store(Exp(L.Add(Load(x + i, count - i), L.Broadcast(-shift))), y + i, count - i);
        return total + L.Sum(Load(y + i, count - i));
    }

    /// <inheritdoc cref="VectorMath.SiluMultiply"/>
    public static void SiluMultiply(float* gate, float* up, float* y, int count)
    {
        int i = 0;
        for (; i <= count - L.Count; i += L.Count)
            L.Store(SiluMultiply(Load(gate + i), Load(up + i)), y + i);
        if (i < count)
            PartialVector<V, L>.Store(SiluMultiply(Load(gate + i, count - i), Load(up + i, count - i)), y + i, count - i);
    }

    /// <summary>
    /// exp(x): x = n·ln 2 + r with |r| ≤ ln 2 / 2, the Taylor polynomial of degree 7 in r, times 2^n. 0 below −87.33, infinity above 88.37.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp(V x)
    {
        V least = L.Broadcast(-87.33f);
        V bounded = L.Max(least, L.Min(L.Broadcast(88.7f), x));
        V n = L.Round(L.Multiply(bounded, L.Broadcast(1.44269504f)));

        // ln 2 in two parts, the first with few bits, so that n times it is exact.
        V r = L.MultiplyAdd(n, L.Broadcast(-0.693359375f), bounded);
        r = L.MultiplyAdd(n, L.Broadcast(2.12194440e-4f), r);
        V p = L.Broadcast(1f / 5040);
        p = L.MultiplyAdd(p, r, L.Broadcast(1f / 720));
        p = L.MultiplyAdd(p, r, L.Broadcast(1f / 120));
        p = L.MultiplyAdd(p, r, L.Broadcast(1f / 24));
        p = L.MultiplyAdd(p, r, L.Broadcast(1f / 6));
        p = L.MultiplyAdd(p, r, L.Broadcast(0.5f));
        p = L.MultiplyAdd(p, r, L.Broadcast(1));
        p = L.MultiplyAdd(p, r, L.Broadcast(1));
        return L.ZeroWhereLess(x, least, L.Multiply(p, L.PowerOfTwo(n)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V SiluMultiply(V gate, V up)
    {
        V one = L.Broadcast(1);
        return L.Multiply(L.Divide(gate, L.Add(one, Exp(L.Multiply(gate, L.Broadcast(-1))))), up);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load(float* p) => L.Load<F32>((byte*)p);

    private static V Load(float* p, int count) => PartialVector<V, L>.Load<F32>((byte*)p, count);
}
