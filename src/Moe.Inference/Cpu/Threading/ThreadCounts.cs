using Moe.Inference.Graph;

namespace Moe.Inference.Cpu.Threading;

/// <summary>How many threads take part in a run: generation waits for memory, prompts for arithmetic.</summary>
/// <param name="Generation">In runs of a few tokens.</param>
/// <param name="Prompts">In larger runs.</param>
internal readonly record struct ThreadCounts(int Generation, int Prompts)
{
    /// <summary>The most tokens of a run that counts as generation: one token of each of several sessions, or a prompt that is hardly more work.</summary>
    public const int MostGenerated = 16;

    /// <summary>As many threads as ever take part.</summary>
    public int Most => Math.Max(Generation, Prompts);

    /// <summary>The number for a run.</summary>
    public int For(in RunSize size) => size.Tokens <= MostGenerated ? Generation : Prompts;
}
