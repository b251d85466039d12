using System.Runtime.CompilerServices;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>The end of a row that does not fill a vector.</summary>
internal static unsafe class PartialVector<V, L>
    where V : struct
    where L : struct, IFloatLanes<V>
{
    /// <summary>The first elements in the first lanes, zeros in the rest; reads nothing beyond them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static V Load<T>(byte* p, int count)
        where T : struct, IFloatElement<T>
    {
        byte* padded = stackalloc byte[L.Count * T.Bytes];
        new Span<byte>(padded, L.Count * T.Bytes).Clear();
        new ReadOnlySpan<byte>(p, count * T.Bytes).CopyTo(new Span<byte>(padded, L.Count * T.Bytes));
        return L.Load<T>(padded);
    }

    /// <summary>Writes the first lanes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Store(V value, float* p, int count)
    {
        float* padded = stackalloc float[L.Count];
        L.Store(value, padded);
        new ReadOnlySpan<float>(padded, count).CopyTo(new Span<float>(p, count));
    }
}
