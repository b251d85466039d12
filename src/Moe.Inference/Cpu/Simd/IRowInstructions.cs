using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Simd;

/// <summary>The multiply-add instructions with which one weight row meets one activation row.</summary>
internal interface IRowInstructions
{
    /// <summary>Whether <see cref="AddQuads"/> takes codes up to 255; otherwise up to 127.</summary>
    static abstract bool HasByteDot { get; }

    /// <summary>Lane i: <c>sum[i] + a[2i]·b[2i] + a[2i+1]·b[2i+1]</c>.</summary>
    static abstract Vector256<int> AddPairs(Vector256<int> sum, Vector256<short> a, Vector256<short> b);

    /// <summary>Lane i: <c>sum[i] + Σ codes[4i+j]·activations[4i+j]</c>, j in 0..3; activations within ±127.</summary>
    static abstract Vector256<int> AddQuads(Vector256<int> sum, Vector256<byte> codes, Vector256<sbyte> activations);
}

/// <summary>AVX2.</summary>
internal readonly struct Avx2Rows : IRowInstructions
{
    public static bool HasByteDot => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddPairs(Vector256<int> sum, Vector256<short> a, Vector256<short> b) =>
        sum + Avx2.MultiplyAddAdjacent(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddQuads(Vector256<int> sum, Vector256<byte> codes, Vector256<sbyte> activations) =>
        sum + Avx2.MultiplyAddAdjacent(Avx2.MultiplyAddAdjacent(codes, activations), Vector256<short>.One);
}

/// <summary>AVX-VNNI.</summary>
internal readonly struct VnniRows : IRowInstructions
{
    public static bool HasByteDot => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddPairs(Vector256<int> sum, Vector256<short> a, Vector256<short> b) =>
        AvxVnni.MultiplyWideningAndAdd(sum, a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> AddQuads(Vector256<int> sum, Vector256<byte> codes, Vector256<sbyte> activations) =>
        AvxVnni.MultiplyWideningAndAdd(sum, codes, activations);
}
