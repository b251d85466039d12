using Moe.Inference.Bench.Speed;

namespace Moe.Inference.Bench.Comparison;

/// <summary>All that a comparison says.</summary>
internal sealed record CompareReport
{
    public required Machine Machine { get; init; }

    /// <summary>The file's name.</summary>
    public required string File { get; init; }

    /// <summary>The peer and its version.</summary>
    public required string Peer { get; init; }

    public required int Threads { get; init; }

    /// <summary>Whether our weights were repacked.</summary>
    public Repacking Repacking { get; init; }

    public required SpeedSettings Settings { get; init; }

    /// <summary>How long it took us to load the model and to make it ready.</summary>
    public required double LoadSeconds { get; init; }

    public required double PeerLoadSeconds { get; init; }

    public required IReadOnlyList<ComparedFigures> Figures { get; init; }
}
