using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Integer dot products through the runtime's portable vectors.</summary>
internal static unsafe class PortableDot
{
    /// <summary>Σ code·activation over 16; activations within ±127.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Dot16(byte* codes, sbyte* activations, bool signed)
    {
        Vector128<sbyte> a = Vector128.Load(activations);
        Vector128<short> lower, upper;
        if (signed)
        {
            Vector128<sbyte> c = Vector128.Load((sbyte*)codes);
            (lower, upper) = (Vector128.WidenLower(c), Vector128.WidenUpper(c));
        }
        else
        {
            Vector128<byte> c = Vector128.Load(codes);
            (lower, upper) = (Vector128.WidenLower(c).AsInt16(), Vector128.WidenUpper(c).AsInt16());
        }

        // A product fits 16 bits: at most 128·127.
        lower *= Vector128.WidenLower(a);
        upper *= Vector128.WidenUpper(a);
        return Vector128.Sum(
            Vector128.WidenLower(lower) + Vector128.WidenUpper(lower) + Vector128.WidenLower(upper) + Vector128.WidenUpper(upper));
    }
}
