using Moe.Inference.Tensors;

namespace Moe.Inference.Bench.Speed;

/// <summary>All that a measurement of speed says.</summary>
internal sealed record SpeedReport
{
    public required Machine Machine { get; init; }

    public required string File { get; init; }

    public required string Architecture { get; init; }

    public required long WeightBytes { get; init; }

    /// <summary>Bytes of weights that one generated token reads.</summary>
    public required long WeightBytesPerToken { get; init; }

    public required int Threads { get; init; }

    public required int PromptThreads { get; init; }

    public required int Batch { get; init; }

    public required ElementType KvType { get; init; }

    public required bool Exact { get; init; }

    /// <summary>Whether every step was checked, which takes most of the time.</summary>
    public required bool Validated { get; init; }

    /// <summary>The devices beside the host.</summary>
    public required IReadOnlyList<string> Devices { get; init; }

    public required IReadOnlyList<string> DisabledOperations { get; init; }

    /// <summary>Steps of the compiled plan.</summary>
    public required int Steps { get; init; }

    public required SpeedSettings Settings { get; init; }

    public required double LoadSeconds { get; init; }

    /// <summary>Packed copies of weights at the end.</summary>
    public RepackingUse Repacked { get; init; }

    public required double ContextSeconds { get; init; }

    public required long KvBytes { get; init; }

    /// <summary>Bytes for intermediate values.</summary>
    public required long ComputeBytes { get; init; }

    public SpeedFigures? Prompt { get; init; }

    public SpeedFigures? Generation { get; init; }

    /// <summary>The mean time of the engine's runs while generating, in milliseconds; the rest of a token's time is sampling and delivery.</summary>
    public double GenerationRunMilliseconds { get; init; }

    public required MemoryUse Memory { get; init; }
}
