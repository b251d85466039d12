using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Moe.Inference.Quantization;

/// <summary>Turns codes into floats.</summary>
internal static class CodeVector
{
    /// <summary>8 codes less their zero point.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static unsafe Vector256<float> ToSingle(byte* codes, bool signed, int zeroPoint)
    {
        Vector128<byte> bytes = Vector128.CreateScalar(*(ulong*)codes).AsByte();
        Vector128<short> wide = signed ? Vector128.WidenLower(bytes.AsSByte()) : Vector128.WidenLower(bytes).AsInt16();
        Vector256<int> numbers = Vector256.Create(Vector128.WidenLower(wide), Vector128.WidenUpper(wide));
        return Vector256.ConvertToSingle(numbers - Vector256.Create(zeroPoint));
    }
}
