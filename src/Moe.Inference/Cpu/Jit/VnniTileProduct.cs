using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Tiles by assembled AVX-512-VNNI routines, one for each number of tokens up to <see cref="VnniCode.MaxTokens"/>.</summary>
/// <param name="routines">The routines for 1, 2, … tokens.</param>
/// <param name="workBytes">The working memory they need.</param>
internal sealed unsafe class VnniTileProduct(AssembledRoutines routines, int workBytes) : TileProduct
{
    public override int WorkBytes => workBytes;

    public override void Multiply(in TilePart part, int tokens, WeightsAhead ahead)
    {
        // Groups as equal as they can be: routines for few tokens are slow for each of them.
        int groups = (tokens + VnniCode.MaxTokens - 1) / VnniCode.MaxTokens;
        for (int group = 0, taken = 0; group < groups; group++)
        {
            ahead.Prefetch(group, groups);
            int count = (tokens - taken + groups - group - 1) / (groups - group);
            TilePart rest = part.Skip(taken, 2 * JitShape.Count);
            // A routine takes well under a microsecond, so that garbage collections need not be told.
            ((delegate* unmanaged[SuppressGCTransition]<TilePart*, void>)routines[count - 1])(&rest);
            taken += count;
        }
        GC.KeepAlive(routines);
    }
}
