using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>The upper half of a binary32, rounded to nearest even.</summary>
internal readonly unsafe struct BF16 : IFloatElement<BF16>
{
    public static ElementType Type => ElementType.BF16;

    public static int Bytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load128(byte* p) =>
        (Vector128.WidenLower(Vector128.CreateScalar(*(ulong*)p).AsUInt16()) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load256(byte* p) => (Widening.ToUInt32(Vector128.Load((ushort*)p)) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load512(byte* p) => (Widening.ToUInt32(Vector256.Load((ushort*)p)) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store256(Vector256<float> value, byte* p)
    {
        Vector256<uint> bits = value.AsUInt32();
        Vector256<uint> rounded = (bits + Vector256.Create(0x7FFFu) + ((bits >>> 16) & Vector256<uint>.One)) >>> 16;

        // Rounding could carry a NaN into infinity or zero: keep its upper bits and make it quiet.
        Vector256<uint> quiet = (bits >>> 16) | Vector256.Create(0x40u);
        Vector256<uint> isNaN = (~Vector256.Equals(value, value)).AsUInt32();
        Widening.ToUInt16(Vector256.ConditionalSelect(isNaN, quiet, rounded)).Store((ushort*)p);
    }
}
