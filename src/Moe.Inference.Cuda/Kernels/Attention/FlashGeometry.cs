using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Attention in one pass; its kernels share this.</summary>
/// <param name="Queries">Queries.</param>
/// <param name="Result">Results.</param>
/// <param name="Lengths">Keys that each token sees.</param>
/// <param name="Starts">Where each token's sequence begins in the page table.</param>
/// <param name="Pages">The page tables.</param>
/// <param name="Keys">The layer's keys.</param>
/// <param name="Values">The layer's values.</param>
/// <param name="PartSums">Weighted sums of parts: [token][head][part][value width].</param>
/// <param name="PartFigures">Greatest score and total of parts: [token][head][part][2].</param>
/// <param name="Tokens">Tokens.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="KvHeads">Key/value heads.</param>
/// <param name="KeyWidth">Elements of a query's or key's head.</param>
/// <param name="ValueWidth">Elements of a value's head.</param>
/// <param name="PageShift">Tokens of a page, as a power of two.</param>
/// <param name="Scale">Factor on scores.</param>
/// <param name="HeadsPerTile">Query heads of one key/value head that a block takes.</param>
/// <param name="HeadTiles">Blocks that share a key/value head's query heads.</param>
/// <param name="TokensPerBlock">Tokens of a block.</param>
/// <param name="TokenBlocks">Blocks that share the tokens.</param>
/// <param name="Parts">Parts of the longest context.</param>
/// <param name="X">Blocks, first dimension.</param>
/// <param name="Y">Blocks, second dimension.</param>
/// <param name="Z">Blocks, third dimension.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
internal readonly record struct FlashGeometry(
    DevicePointer<float> Queries, DevicePointer<float> Result, DevicePointer<int> Lengths, DevicePointer<int> Starts, DevicePointer<int> Pages,
    DevicePointer<byte> Keys, DevicePointer<byte> Values, DevicePointer<float> PartSums, DevicePointer<float> PartFigures,
    int Tokens, int Heads, int KvHeads, int KeyWidth, int ValueWidth, int PageShift, float Scale,
    int HeadsPerTile, int HeadTiles, int TokensPerBlock, int TokenBlocks, int Parts, int X, int Y, int Z, int Threads, int SharedBytes) : IKernelGeometry
{
    private const int PlainThreads = 128;
    private const int JoinThreads = 256;
    private const int MostBlocksOfSequences = 4;

    /// <inheritdoc/>
    public LaunchShape Shape => new(X, Y, Z, Threads, SharedBytes);

    /// <summary>What all kernels are told of a run.</summary>
    public static FlashGeometry For(KernelBinding binding, RunSize size)
    {
        AttentionShape shape = ((FlashAttentionOp)binding.Node.Operation).Shape;
        return default(FlashGeometry) with
        {
            Queries = DevicePointer<float>.Of(binding.Inputs[0]),
            Result = DevicePointer<float>.Of(binding.Outputs[0]),
            Lengths = PagedInputs.LengthsOf(binding),
            Starts = PagedInputs.StartsOf(binding),
            Pages = PagedInputs.PagesOf(binding),
            Keys = DevicePointer<byte>.Of(binding.Kv!.Keys),
            Values = DevicePointer<byte>.Of(binding.Kv.Values),
            Tokens = size.Tokens,
            Heads = shape.Heads,
            KvHeads = shape.KvHeads,
            KeyWidth = shape.KeyWidth,
            ValueWidth = shape.ValueWidth,
            PageShift = int.Log2(binding.Kv.PageLength),
            Scale = shape.Scale,
            HeadsPerTile = 1,
            HeadTiles = shape.Group,
            TokensPerBlock = 1,
            TokenBlocks = size.Tokens,
            Parts = 1,
        };
    }

    /// <summary>Any type, any width: a block per token and head.</summary>
    public FlashGeometry Plain() => this with { X = Tokens * Heads, Y = 1, Z = 1, Threads = PlainThreads, SharedBytes = ValueWidth * sizeof(float) };

    /// <summary>Few tokens: a block per part of a token's context and some query heads of one key/value head.</summary>
    public FlashGeometry Split(FlashTiles tiles, FlashParts parts)
    {
        FlashGeometry cut = WithHeads(FlashTiles.SplitRows);
        return cut with
        {
            PartSums = parts.Sums,
            PartFigures = parts.Figures,
            Parts = parts.Count,
            X = parts.Count,
            Y = KvHeads * cut.HeadTiles,
            Z = Tokens,
            Threads = FlashTiles.SplitThreads,
            SharedBytes = tiles.SplitBytes,
        };
    }

    /// <summary>The parts of <see cref="Split"/> joined: a block per token and head.</summary>
    public FlashGeometry Join() => this with { X = Tokens * Heads, Y = 1, Z = 1, Threads = JoinThreads, SharedBytes = 0 };

    /// <summary>Many tokens: a block per some tokens and the query heads of one key/value head.</summary>
    /// <param name="tiles">Shared memory.</param>
    /// <param name="sequences">How many sequences there may be, so far as is known; others are computed, too, only slower.</param>
    public FlashGeometry Prompt(FlashTiles tiles, int sequences)
    {
        FlashGeometry cut = WithHeads(FlashTiles.PromptRows);
        int tokensPerBlock = FlashTiles.PromptRows / cut.HeadsPerTile;
        int blocks = Cover.Blocks(Tokens, tokensPerBlock);
        return cut with
        {
            TokensPerBlock = tokensPerBlock,
            TokenBlocks = blocks,
            X = KvHeads * cut.HeadTiles,
            Y = blocks,
            Z = Math.Min(sequences, Math.Min(tokensPerBlock, MostBlocksOfSequences)),
            Threads = FlashTiles.PromptThreads,
            SharedBytes = tiles.PromptBytes,
        };
    }

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("tokens", Tokens, TokenBlocks, TokensPerBlock);
        Cover.Exactly("query heads of a key/value head", Heads / KvHeads, HeadTiles, HeadsPerTile);
        int tiles = KvHeads * HeadTiles;
        Cover.Require(
            (X, Y, Z) == (Tokens * Heads, 1, 1) || (X, Y, Z) == (Parts, tiles, Tokens) || ((X, Y) == (tiles, TokenBlocks) && Z > 0),
            "a block for each token and head, or for each part, tile of heads and token, or some for each tile of heads and block of tokens");
    }

    private FlashGeometry WithHeads(int rows)
    {
        int group = Heads / KvHeads;
        int perTile = Cover.Blocks(group, Cover.Blocks(group, rows));
        return this with { HeadsPerTile = perTile, HeadTiles = Cover.Blocks(group, perTile) };
    }
}
