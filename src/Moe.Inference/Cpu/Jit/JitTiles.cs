using System.Collections.Concurrent;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Makes tiles of assembled code for a format, checks them against the portable kernel, and remembers which were dropped and why.</summary>
internal static class JitTiles
{
    private static readonly ConcurrentDictionary<string, string> Reasons = new();

    /// <summary>Why assembled code is not used for some formats; empty if all is well.</summary>
    public static IReadOnlyDictionary<string, string> Dropped => Reasons;

    /// <summary>Tiles for a format with blocks of 256 weights; null if intrinsics must do.</summary>
    public static Tiles? Super<T>(CpuPath path)
        where T : struct, ISuperBlock<T>
    {
        if (path < CpuPath.Avx512 || !JitFeatures.HasVnni512 || !Fits<T>())
            return null;
        SuperTraits traits = new(T.GroupLength, SuperTileFormat<T, JitShape>.ZeroPoint, T.HasMinimums);
        PortableSuperKernel<T> portable = new();
        return (path >= CpuPath.Amx ? Checked(T.Type, "AMX", Amx, portable) : null) ?? Checked(T.Type, "AVX-512-VNNI", Vnni, portable);

        TileProduct VnniProduct() => Routines(tokens => new SuperVnniCode(traits, tokens).Assemble(), SuperVnniCode.WorkBytes);
        Tiles Vnni() => new Tiles<SuperTileFormat<T, JitShape>>(VnniProduct());
        Tiles Amx() => new Tiles<SuperTileFormat<T, JitShape>>(
            new AmxTileProduct(AmxTileProduct.Assemble(new SuperAmxCode(traits)), T.GroupLength, new SuperAmxActivations(traits), VnniProduct()));
    }

    /// <summary>Tiles for a format with blocks of 32 weights; null if intrinsics must do.</summary>
    public static Tiles? Small<T>(CpuPath path)
        where T : struct, ISmallBlock<T>
    {
        int zeroPoint = SmallTileFormat<T, JitShape>.ZeroPoint;
        if (path < CpuPath.Avx512 || !JitFeatures.HasVnni512 || T.HasMinimum || !int.IsPow2(zeroPoint))
            return null;
        PortableSmallKernel<T> portable = new();
        return (path >= CpuPath.Amx ? Checked(T.Type, "AMX", Amx, portable) : null) ?? Checked(T.Type, "AVX-512-VNNI", Vnni, portable);

        TileProduct VnniProduct() => Routines(tokens => new SmallVnniCode(zeroPoint, tokens).Assemble(), SmallVnniCode.WorkBytes);
        Tiles Vnni() => new Tiles<SmallTileFormat<T, JitShape>>(VnniProduct());
        Tiles Amx() => new Tiles<SmallTileFormat<T, JitShape>>(
            new AmxTileProduct(AmxTileProduct.Assemble(new SmallAmxCode()), ISmallBlock<T>.Length, new SmallAmxActivations(zeroPoint), VnniProduct()));
    }

    /// <summary>Tiles that have passed <see cref="TileCheck"/>; null, and a reason in <see cref="Dropped"/>, if they cannot be made or are wrong.</summary>
    /// <param name="type">The format.</param>
    /// <param name="instructions">What the code is made of.</param>
    /// <param name="make">Makes them.</param>
    /// <param name="portable">The kernel that is right.</param>
    internal static Tiles? Checked(ElementType type, string instructions, Func<Tiles> make, WeightKernel portable) =>
        Checked($"{instructions} tiles for {type}", make, tiles => TileCheck.Difference(tiles, portable));

    /// <summary>Something assembled that has passed a check; null, and a reason in <see cref="Dropped"/>, if it cannot be made or is wrong.</summary>
    /// <param name="name">What it is, for people.</param>
    /// <param name="make">Makes it.</param>
    /// <param name="difference">Says what is wrong with it, or null.</param>
    internal static T? Checked<T>(string name, Func<T> make, Func<T, string?> difference)
        where T : class
    {
        try
        {
            T made = make();
            if (difference(made) is not { } wrong)
                return made;
            Reasons[name] = wrong;
        }
        catch (NotSupportedException refused)
        {
            Reasons[name] = refused.Message;
        }
        return null;
    }

    private static VnniTileProduct Routines(Func<int, byte[]> assemble, int workBytes) =>
        new(new AssembledRoutines([.. Enumerable.Range(1, VnniCode.MaxTokens).Select(assemble)]), workBytes);

    // Codes are written for what formats do have: minimums of groups of 32, or a zero point, or neither.
    private static bool Fits<T>()
        where T : struct, ISuperBlock<T>
    {
        int zeroPoint = SuperTileFormat<T, JitShape>.ZeroPoint;
        return T.HasMinimums ? T.GroupLength == 32 && zeroPoint == 0 : zeroPoint == 0 || int.IsPow2(zeroPoint);
    }
}
