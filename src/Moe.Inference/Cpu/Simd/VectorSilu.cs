using System.Runtime.CompilerServices;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>x / (1 + e⁻ˣ).</summary>
/// <typeparam name="V">The vector.</typeparam>
/// <typeparam name="L">Its arithmetic.</typeparam>
internal static unsafe class VectorSilu<V, L>
    where V : struct
    where L : struct, IFloatLanes<V>
{
    /// <summary>
    /// y = silu(x), times a factor if there is one; all may be the same memory. An element's result does not depend on where it stands.
    /// </summary>
    public static void Apply(float* x, float* factor, float* y, int count)
    {
        int i = 0;
        for (; i <= count - L.Count; i += L.Count)
        {
            V value = Of(L.Load<F32>((byte*)(x + i)));
            L.Store(factor == null ? value : L.Multiply(value, L.Load<F32>((byte*)(factor + i))), y + i);
        }
        if (i == count)
            return;
        V rest = Of(PartialVector<V, L>.Load<F32>((byte*)(x + i), count - i));
        if (factor != null)
            rest = L.Multiply(rest, PartialVector<V, L>.Load<F32>((byte*)(factor + i), count - i));
        PartialVector<V, L>.Store(rest, y + i, count - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Of(V x)
    {
        V one = L.Broadcast(1);
        return L.Divide(x, L.Add(one, VectorExp<V, L>.Of(L.Multiply(x, L.Broadcast(-1)))));
    }
}
