using Moe.Inference.Cpu.Threading;
using Moe.Inference.Execution;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>How to make a model ready to run.</summary>
public sealed record ContextOptions
{
    private const int DefaultContextLength = 4096;
    private const int SmallestMicroBatch = 1;
    private const int LargestMicroBatch = 1 << 16;
    private const int MostThreads = 1024;

    /// <summary>Tokens that one session may hold, at least 1; null for the model's own length, at the most 4,096.</summary>
    public int? ContextLength { get; init; }

    /// <summary>Tokens that all sessions together may hold in key/value memory; null for <see cref="ContextLength"/>. Rounded up to whole pages of 64.</summary>
    public int? KvCapacity { get; init; }

    /// <summary>Element type of key/value memory: F32, F16 or Q8_0.</summary>
    public ElementType KvType { get; init; } = ElementType.F16;

    /// <summary>Most tokens computed in one step, 1 to 65,536; more is faster for prompts and takes more memory.</summary>
    public int MicroBatch { get; init; } = 512;

    /// <summary>
    /// Threads that compute, the engine's own included, at least 1; null for one per physical core, but no more than the processors that the process may
    /// use, or for one per processor of <see cref="ThreadOptions.Affinity"/>'s list.
    /// </summary>
    public int? Threads { get; init; }

    /// <summary>Separate numbers of threads for generation and prompts, and the processors that they run on.</summary>
    public ThreadOptions Threading { get; init; } = new();

    /// <summary>Whether to compute in float32 without quantizing activations: slower, for comparison with references.</summary>
    public bool Exact { get; init; }

    /// <summary>
    /// Whether to check every step while running: wait for it, look at guards around its results, poison what was not written, and compute
    /// it again on the host's reference kernels. Very slow, for finding out which step is wrong; a wrong one throws a
    /// <see cref="ValidationException"/>.
    /// </summary>
    public bool Validate { get; init; }

    /// <summary>Largest difference that <see cref="Validate"/> lets pass, relative to the largest magnitude of an element's row; at least 0.</summary>
    public float ValidationTolerance { get; init; } = 1e-3f;

    /// <summary>Lets a device compute experts that live on the host, for large batches; null for never.</summary>
    public OffloadPolicy? Offload { get; init; }

    /// <summary>Kernels and switches; null for the built-in ones, all on. The context takes a copy.</summary>
    public OpRegistry? Operations { get; init; }

    /// <summary>Times every step, if there is one.</summary>
    internal StepTimer? Timer { get; init; }

    internal int ResolveContextLength(int trained) => ContextLength ?? Math.Min(trained, DefaultContextLength);

    internal ThreadCounts ResolveThreads()
    {
        int threads = Threads ?? Threading.Affinity.Count ?? PhysicalCores.Usable;
        return new ThreadCounts(Threading.Generation ?? threads, Threading.Prompts ?? threads);
    }

    internal void Check()
    {
        if (!(ValidationTolerance >= 0))
            throw new ArgumentOutOfRangeException(nameof(ValidationTolerance), ValidationTolerance, "expected at least 0");
        if (Offload?.Threshold is { } threshold && !(threshold > 0))
            throw new ArgumentOutOfRangeException(nameof(Offload), threshold, "the threshold must be greater than 0");
        AtLeastOne(ContextLength, nameof(ContextLength));
        AtLeastOne(KvCapacity, nameof(KvCapacity));
        CheckThreads(Threads, nameof(Threads));
        CheckThreads(Threading.Generation, nameof(Threading));
        CheckThreads(Threading.Prompts, nameof(Threading));
        if (MicroBatch is < SmallestMicroBatch or > LargestMicroBatch)
            throw new ArgumentOutOfRangeException(nameof(MicroBatch), MicroBatch, $"expected {SmallestMicroBatch} to {LargestMicroBatch}");
        if (KvType is not (ElementType.F32 or ElementType.F16 or ElementType.Q8_0))
            throw new ArgumentOutOfRangeException(nameof(KvType), KvType, "key/value memory is F32, F16 or Q8_0");
    }

    private static void CheckThreads(int? value, string name)
    {
        if (value is < 1 or > MostThreads)
            throw new ArgumentOutOfRangeException(name, value, $"expected 1 to {MostThreads} threads");
    }

    private static void AtLeastOne(int? value, string name)
    {
        if (value < 1)
            throw new ArgumentOutOfRangeException(name, value, "expected at least 1");
    }
}
