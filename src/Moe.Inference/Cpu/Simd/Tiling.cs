using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Simd;

/// <summary>What the tiles for many tokens share.</summary>
internal static unsafe class Tiling
{
    /// <summary>From how many tokens on unpacking weights to a tile pays.</summary>
    public const int MinTokens = 4;

    /// <summary>How far ahead of their use weights are asked for, in bytes.</summary>
    public const int PrefetchDistance = 16384;

    /// <summary>Tokens that a tile meets at once.</summary>
    public const int Tokens = 4;

    /// <summary>Blocks of 256 weights of a row that are unpacked at a time.</summary>
    public const int SuperChunk = 2;

    /// <summary>Blocks of 32 weights of a row that are unpacked at a time.</summary>
    public const int SmallChunk = 16;

    /// <summary>Tokens of floats that stay in the second-level cache while rows of weights pass; a multiple of four.</summary>
    /// <param name="k">Elements of a token.</param>
    public static int FloatTokens(int k)
    {
        const int CachedBytes = 256 << 10;
        return Math.Max(4, (CachedBytes / Math.Max(1, k * sizeof(float))) & ~3);
    }

    /// <summary>
    /// Steps of four products whose sums fit: two 16-bit numbers of a lane gain at most 2·127·<paramref name="maxCode"/> each.
    /// </summary>
    /// <param name="steps">Steps wanted, a power of two.</param>
    /// <param name="maxCode">The greatest code.</param>
    /// <param name="shortSums">Whether sums have 16 bits at all.</param>
    public static int SafeSteps(int steps, int maxCode, bool shortSums)
    {
        while (shortSums && steps > 1 && steps * 2 * 127 * maxCode > short.MaxValue)
            steps /= 2;
        return steps;
    }

    /// <summary>
    /// Asks for memory to come nearer. Rows taken together are read as several streams, which machines guess badly; asked for in the order of
    /// addresses, they come at full speed.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(byte* p, int bytes)
    {
        if (!Sse.IsSupported)
            return;
        for (int i = 0; i < bytes; i += 64)
            Sse.Prefetch0(p + i);
    }
}
