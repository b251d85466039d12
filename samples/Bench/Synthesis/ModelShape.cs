using System.Collections.Frozen;

namespace Moe.Inference.Bench.Synthesis;

/// <summary>The sizes of a Qwen3-like model, dense or with experts.</summary>
internal sealed record ModelShape
{
    /// <summary>The shapes that have names.</summary>
    public static FrozenDictionary<string, ModelShape> Presets { get; } = new ModelShape[]
    {
        new()
        {
            Name = "tiny", Layers = 2, Width = 256, Heads = 4, KvHeads = 2, HeadWidth = 64, FeedForward = 768,
            Experts = 8, ExpertsUsed = 2, ExpertFeedForward = 256, Vocabulary = 1024, ContextLength = 2048,
        },
        new()
        {
            Name = "mini-a1b", Layers = 16, Width = 2048, Heads = 16, KvHeads = 4, HeadWidth = 128, FeedForward = 6144,
            Experts = 64, ExpertsUsed = 8, ExpertFeedForward = 1024, Vocabulary = 50_304, ContextLength = 32_768,
        },
        new()
        {
            Name = "qwen3-30b-a3b", Layers = 48, Width = 2048, Heads = 32, KvHeads = 4, HeadWidth = 128, FeedForward = 6144,
            Experts = 128, ExpertsUsed = 8, ExpertFeedForward = 768, Vocabulary = 151_936, ContextLength = 40_960,
        },
        new()
        {
            Name = "qwen3-235b-a22b", Layers = 94, Width = 4096, Heads = 64, KvHeads = 4, HeadWidth = 128, FeedForward = 12_288,
            Experts = 128, ExpertsUsed = 8, ExpertFeedForward = 1536, Vocabulary = 151_936, ContextLength = 40_960,
        },
        new()
        {
            Name = "qwen3-1.7b", Layers = 28, Width = 2048, Heads = 16, KvHeads = 8, HeadWidth = 128, FeedForward = 6144,
            Vocabulary = 151_936, ContextLength = 40_960, TiedOutput = true,
        },
    }.ToFrozenDictionary(shape => shape.Name, StringComparer.Ordinal);

    public required string Name { get; init; }

    public required int Layers { get; init; }

    /// <summary>Elements of a token's hidden state.</summary>
    public required int Width { get; init; }

    public required int Heads { get; init; }

    public required int KvHeads { get; init; }

    public required int HeadWidth { get; init; }

    /// <summary>Hidden width of a dense layer.</summary>
    public required int FeedForward { get; init; }

    /// <summary>Experts of a layer; 0 for a dense model.</summary>
    public int Experts { get; init; }

    public int ExpertsUsed { get; init; }

    /// <summary>Hidden width of one expert.</summary>
    public int ExpertFeedForward { get; init; }

    public required int Vocabulary { get; init; }

    public required int ContextLength { get; init; }

    /// <summary>Whether the token embedding is the output matrix, too.</summary>
    public bool TiedOutput { get; init; }

    public bool HasExperts => Experts > 0;
}
