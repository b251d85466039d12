using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Tiles by assembled AVX-512-VNNI routines, one for each number of tokens up to <see cref="VnniCode.MaxTokens"/>.</summary>
/// <param name="routines">The routines for 1, 2, … tokens.</param>
/// <param name="workBytes">The working memory they need.</param>
internal sealed unsafe class VnniTileProduct(AssembledRoutines routines, int workBytes) : TileProduct
{
    // A call takes a few microseconds at the most.
    private const int MostGroups = 4;

    public override int WorkBytes => workBytes;

    public override void Multiply(in TilePart part, int tokens)
    {
        // Groups as equal as they can be: routines for few tokens are slow for each of them. Those with one more come first.
        int groups = (tokens + VnniCode.MaxTokens - 1) / VnniCode.MaxTokens, least = tokens / groups, greater = tokens % groups;
        TilePart rest = part;
        for (int group = 0, run; group < groups; group += run)
        {
            bool isGreater = group < greater;
            int routine = isGreater ? least : least - 1;
            run = Math.Min(MostGroups, (isGreater ? greater : groups) - group);
            rest.Groups = run;
            // Too short for garbage collections to be told.
            ((delegate* unmanaged[SuppressGCTransition]<TilePart*, void>)routines[routine])(&rest);
        }
        GC.KeepAlive(routines);
    }
}
