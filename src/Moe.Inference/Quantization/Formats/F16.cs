using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>IEEE binary16.</summary>
internal readonly unsafe struct F16 : IFloatElement<F16>
{
    public static ElementType Type => ElementType.F16;

    public static int Bytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load128(byte* p) =>
        HalfBits.ToSingle(Vector128.WidenLower(Vector128.CreateScalar(*(ulong*)p).AsUInt16()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load256(byte* p) => HalfBits.ToSingle(Widening.ToUInt32(Vector128.Load((ushort*)p)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load512(byte* p) => HalfBits.ToSingle(Vector256.Load((ushort*)p));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store256(Vector256<float> value, byte* p) =>
        Widening.ToUInt16(HalfBits.FromSingle(value)).Store((ushort*)p);
}
