using Moe.Inference.Tensors;

namespace Moe.Inference.Testing;

/// <summary>How a simulated device behaves.</summary>
public sealed record SimulatedDeviceOptions
{
    /// <summary>The kind of device, letters only. Kernels belong to a kind, so devices of one kind should take the same element types.</summary>
    public string Kind { get; init; } = SimulatedDevice.DefaultKind;

    /// <summary>Bytes that may be allocated at one time; by default without limit. Guards do not count.</summary>
    public long Capacity { get; init; } = long.MaxValue;

    /// <summary>Element types of weights and of key/value memory that kernels take; null for all.</summary>
    public IReadOnlySet<ElementType>? ElementTypes { get; init; }

    /// <summary>Whether transfers read memory of other devices of this kind directly; if not, values go by way of the host.</summary>
    public bool CopiesFromPeers { get; init; }

    /// <summary>The longest pause before an item of a queue; zero for none. Pauses make a missing wait show.</summary>
    public TimeSpan MaxDelay { get; init; }

    /// <summary>How many of the items are paused before, 0 to 1.</summary>
    public double DelayProbability { get; init; } = 0.25;

    /// <summary>Where the random numbers of the pauses start.</summary>
    public int Seed { get; init; }

    /// <summary>Bytes before and behind each allocation that nobody may write.</summary>
    public int GuardBytes { get; init; } = 256;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Capacity, nameof(Capacity));
        ArgumentOutOfRangeException.ThrowIfNegative(GuardBytes, nameof(GuardBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxDelay, TimeSpan.Zero, nameof(MaxDelay));
        if (!(DelayProbability is >= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(DelayProbability), DelayProbability, "expected 0 to 1");
        if (Kind.Length == 0 || !Kind.All(char.IsAsciiLetterUpper) || Kind == Device.CpuKind)
            throw new ArgumentException($"'{Kind}' is no kind of simulated device; expected capital letters", nameof(Kind));
    }
}
