using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>One page of a sequence's key/value memory, as far as it is wanted.</summary>
/// <param name="Page">The page's number in the memory.</param>
/// <param name="Position">Position in the sequence of its first token.</param>
/// <param name="Count">Tokens wanted, from the first on.</param>
internal readonly record struct PageSpan(int Page, int Position, int Count);

/// <summary>What the tokens of a batch see: the inputs that address key/value memory.</summary>
/// <param name="lengths">How many keys each token sees.</param>
/// <param name="starts">Where each token's sequence begins in the page table.</param>
/// <param name="pages">The page tables.</param>
/// <param name="pageLength">Tokens of a page.</param>
internal readonly unsafe struct PageWalk(TensorView lengths, TensorView starts, TensorView pages, int pageLength)
{
    /// <summary>Keys that a token sees.</summary>
    public int Length(int token) => ((int*)lengths.Address)[token];

    /// <summary>Whether two tokens belong to one sequence.</summary>
    public bool SameSequence(int a, int b) => ((int*)starts.Address)[a] == ((int*)starts.Address)[b];

    /// <summary>Pages that hold positions from <paramref name="from"/> (a multiple of the page length) up to <paramref name="to"/>.</summary>
    public int PageCount(int from, int to) => Math.Max(0, (to - from + pageLength - 1) / pageLength);

    /// <summary>The n-th page of a span of a token's sequence.</summary>
    public PageSpan At(int token, int from, int to, int n)
    {
        int position = from + (n * pageLength);
        int table = ((int*)starts.Address)[token] + (position / pageLength);
        return new PageSpan(((int*)pages.Address)[table], position, Math.Min(pageLength, to - position));
    }
}
