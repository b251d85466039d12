using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing;

/// <summary>What <see cref="OpConformance"/> tries. The defaults try everything.</summary>
public sealed record ConformanceOptions
{
    /// <summary>Seed of the random operands; the same seed makes the same cases.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>
    /// Worker threads that kernels are told of, each at least 1. All of them are tried where the harness opens the CPU itself; with a given
    /// backend, whose threads are fixed, only the first, which must be the backend's.
    /// </summary>
    public IReadOnlyList<int> Threads { get; init; } = [1, 3];

    /// <summary>Element types of weights that are tried where an operation decodes them; a kernel may refuse some.</summary>
    public IReadOnlyList<ElementType> WeightTypes { get; init; } = [.. QuantFormats.Types.Order()];

    /// <summary>Element types of key/value memory that are tried; a kernel may refuse some.</summary>
    public IReadOnlyList<ElementType> KvTypes { get; init; } = [ElementType.F32, ElementType.F16, ElementType.BF16, ElementType.Q8_0, ElementType.Q4_0];

    /// <summary>
    /// Whether cases that a kernel passes are run once more with every operand flush against a page that may not be touched, so that even
    /// a read whose result is never used is noticed. Such a read ends the process with an access violation: <see cref="Log"/> says in
    /// which case. Only on a CPU under Linux; elsewhere it has no effect. True by default.
    /// </summary>
    public bool GuardPages { get; init; } = true;

    /// <summary>Failures after which a check ends, at least 1.</summary>
    public int MostFailures { get; init; } = 20;

    /// <summary>Told the name of each run before it begins, if given.</summary>
    public Action<string>? Log { get; init; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MostFailures, 1);
        if (Threads.Count == 0 || Threads.Any(threads => threads < 1))
            throw new ArgumentException("at least one number of threads is needed, and each must be at least 1", nameof(Threads));
    }
}
