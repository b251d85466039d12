namespace Moe.Inference;

/// <summary>How many threads of a context compute, and where they run. Results do not depend on it, to the last bit.</summary>
public sealed record ThreadOptions
{
    /// <summary>
    /// Threads in runs of at the most 16 tokens, 1 to 1,024: generation mostly waits for memory, and more threads than keep memory busy only disturb
    /// each other. Null for <see cref="ContextOptions.Threads"/>.
    /// </summary>
    public int? Generation { get; init; }

    /// <summary>Threads in larger runs, 1 to 1,024: prompts are arithmetic, and every core helps. Null for <see cref="ContextOptions.Threads"/>.</summary>
    public int? Prompts { get; init; }

    /// <summary>On which processors they run.</summary>
    public ThreadAffinity Affinity { get; init; } = ThreadAffinity.None;
}
