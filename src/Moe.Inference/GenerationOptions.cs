using Moe.Inference.Sampling;

namespace Moe.Inference;

/// <summary>What happens when a session reaches its context length while generating.</summary>
public enum OverflowPolicy
{
    /// <summary>A <see cref="ContextOverflowException"/> is thrown.</summary>
    Throw,

    /// <summary>Generation ends with <see cref="FinishReason.ContextFull"/>.</summary>
    Stop,

    /// <summary>The older half of the tokens after <see cref="GenerationOptions.KeepTokens"/> is forgotten, the rest computed anew, and generation goes on.</summary>
    Slide,
}

/// <summary>How to generate.</summary>
public sealed record GenerationOptions
{
    /// <summary>Most tokens to generate, at least 1; null for as many as the context holds.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>How tokens are chosen.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Texts that end generation; neither they nor what follows is returned. They may span tokens.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Whether to go on after a token that ends the model's turn.</summary>
    public bool IgnoreEndOfGeneration { get; init; }

    /// <summary>What happens at the context's end.</summary>
    public OverflowPolicy Overflow { get; init; } = OverflowPolicy.Throw;

    /// <summary>Tokens at the beginning that <see cref="OverflowPolicy.Slide"/> keeps, from 0.</summary>
    public int KeepTokens { get; init; }

    internal void Validate()
    {
        ArgumentNullException.ThrowIfNull(Sampling);
        Sampling.Validate();
        if (MaxTokens < 1)
            throw new ArgumentOutOfRangeException(nameof(MaxTokens), MaxTokens, "expected at least 1");
        if (KeepTokens < 0)
            throw new ArgumentOutOfRangeException(nameof(KeepTokens), KeepTokens, "expected at least 0");
        if (!Enum.IsDefined(Overflow))
            throw new ArgumentOutOfRangeException(nameof(Overflow), Overflow, "unknown policy");
        if (StopStrings.Any(string.IsNullOrEmpty))
            throw new ArgumentException("a stop string is empty", nameof(StopStrings));
    }
}
