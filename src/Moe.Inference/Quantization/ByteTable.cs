using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Quantization;

/// <summary>Looks up bytes in a table of 16, 32 lanes at once.</summary>
internal static class ByteTable
{
    /// <summary>Lane i of the result is <c>table[indices[i]]</c>; each index is below 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Lookup(Vector128<byte> table, Vector256<byte> indices) =>
        Avx2.IsSupported
            ? Avx2.Shuffle(Vector256.Create(table, table), indices)
            : Vector256.Create(Vector128.Shuffle(table, indices.GetLower()), Vector128.Shuffle(table, indices.GetUpper()));

    /// <inheritdoc cref="Lookup(Vector128{byte}, Vector256{byte})"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<byte> Lookup(Vector128<byte> table, Vector512<byte> indices) =>
        Avx512BW.IsSupported
            ? Avx512BW.Shuffle(Vector512.Create(table), indices)
            : Vector512.Create(Lookup(table, indices.GetLower()), Lookup(table, indices.GetUpper()));
}
