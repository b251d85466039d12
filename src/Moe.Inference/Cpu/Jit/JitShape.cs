using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Tiles for assembled code: 32 rows, unsigned codes, 32-bit sums.</summary>
internal readonly struct JitShape : ITileShape
{
    public static int Count => 16;

    public static bool ShortSums => false;

    public static bool BiasedCodes => true;

    public static bool KnowsZeroPoint => true;

    public static bool TakesPairSums => true;
}
