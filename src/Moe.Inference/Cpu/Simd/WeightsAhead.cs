using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// The next rows of weights: asked for while these are unpacked, in the order of addresses. Short pieces of many rows are a pattern that
/// machines do not guess, and more lines at once than a core can wait for hold it up.
/// </summary>
/// <param name="from">Where the next rows begin.</param>
internal unsafe struct WeightsAhead(byte* from)
{
    private const int LineBytes = 64;

    private byte* _line = (byte*)((nuint)from & ~(nuint)(LineBytes - 1)), _to = from;

    /// <summary>Asks for as many bytes more as were just read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(int bytes)
    {
        if (!Sse.IsSupported)
            return;
        _to += bytes;
        for (; _line < _to; _line += LineBytes)
            Sse.Prefetch0(_line);
    }
}
