using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Weights of the next tile: asked for while this one is multiplied, a few rows before each group of tokens. Short pieces of many rows are a
/// pattern that machines do not guess.
/// </summary>
/// <param name="from">The first row's piece.</param>
/// <param name="rowBytes">Bytes from row to row.</param>
/// <param name="rows">Rows; they need not exist.</param>
/// <param name="bytes">Bytes of a row's piece.</param>
internal readonly unsafe struct WeightsAhead(byte* from, long rowBytes, int rows, int bytes)
{
    private const int LineBytes = 64;

    /// <summary>Asks for one of several equal parts to come to the second-level cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(int part, int parts)
    {
        if (!Sse.IsSupported)
            return;
        for (int row = rows * part / parts, end = rows * (part + 1) / parts; row < end; row++)
        {
            byte* first = from + (row * rowBytes), last = first + bytes;
            for (byte* line = (byte*)((nuint)first & ~(nuint)(LineBytes - 1)); line < last; line += LineBytes)
                Sse.Prefetch1(line);
        }
    }
}
