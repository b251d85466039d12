namespace Moe.Inference.Testing;

/// <summary>What a soak found.</summary>
/// <param name="Count">Combinations that were run.</param>
/// <param name="Failures">What went wrong, a text for each combination that failed.</param>
/// <param name="Duration">How long it took.</param>
public sealed record HybridSoakResult(int Count, IReadOnlyList<string> Failures, TimeSpan Duration);
