using Moe.Inference.Cpu.Threading;

namespace Moe.Inference;

/// <summary>On which processors a context's threads run.</summary>
public sealed class ThreadAffinity
{
    private readonly int[]? _processors;

    private ThreadAffinity(int[]? processors) => _processors = processors;

    /// <summary>Wherever the system puts them: best on a machine that does other things as well.</summary>
    public static ThreadAffinity None { get; } = new(null);

    /// <summary>
    /// Each thread on a physical core of its own, among the processors that the process may use; where there are more threads than cores, the
    /// second processors of cores follow.
    /// </summary>
    public static ThreadAffinity PhysicalCores { get; } = new(null);

    internal int? Count => _processors?.Length;

    /// <summary>Each thread on one of the given processors, in their order.</summary>
    /// <param name="processors">Logical processors as the system numbers them, at least as many as threads.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is none, one comes twice, or a number is not from 0 to 65,535.</exception>
    public static ThreadAffinity Processors(params IEnumerable<int> processors)
    {
        ArgumentNullException.ThrowIfNull(processors);
        int[] list = [.. processors];
        foreach (int processor in list)
        {
            if (processor is < 0 or >= ProcessorList.Limit)
                throw new ArgumentOutOfRangeException(nameof(processors), processor, $"expected 0 to {ProcessorList.Limit - 1}");
        }

        if (list.Length == 0 || list.Distinct().Count() < list.Length)
            throw new ArgumentOutOfRangeException(nameof(processors), string.Join(',', list), "expected at least one processor, and each once");
        return new ThreadAffinity(list);
    }

    /// <summary>Reads <c>none</c>, <c>cores</c>, or a list such as <c>0-3,8</c>.</summary>
    /// <exception cref="FormatException">The text is none of these.</exception>
    public static ThreadAffinity Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            return text switch
            {
                "none" => None,
                "cores" => PhysicalCores,
                _ => Processors(ProcessorList.Parse(text)),
            };
        }
        catch (Exception problem) when (problem is ArgumentOutOfRangeException or FormatException)
        {
            throw new FormatException($"'{text}' is neither none, cores, nor a list of processors such as 0-3,8", problem);
        }
    }

    /// <summary>The text that <see cref="Parse"/> reads.</summary>
    public override string ToString() => _processors is not null ? ProcessorList.Text(_processors) : ReferenceEquals(this, None) ? "none" : "cores";

    /// <summary>The processor of each thread, or null where threads float.</summary>
    /// <param name="threads">How many threads.</param>
    /// <param name="allowed">Processors that the process may use, or null if that is unknown.</param>
    /// <param name="cores">The logical processors of each core.</param>
    /// <param name="nodes">Nodes to spread threads over in turn.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not enough processors, or one is not among those that the process may use.</exception>
    /// <exception cref="PlatformNotSupportedException">Threads cannot be bound to processors here.</exception>
    internal int[]? Resolve(int threads, IReadOnlyList<int>? allowed, IReadOnlyList<int[]> cores, IReadOnlyList<NumaNode> nodes)
    {
        if (ReferenceEquals(this, None))
            return null;
        if (allowed is null)
            throw new PlatformNotSupportedException($"threads cannot be bound to processors on this system; set {nameof(ThreadOptions)}.{nameof(ThreadOptions.Affinity)} to {nameof(None)}");
        int[] absent = [.. (_processors ?? []).Except(allowed)];
        if (absent.Length > 0)
            throw Refused(nameof(ContextOptions.Threading), $"processor {absent[0]} is not among those that the process may use ({ProcessorList.Text(allowed)})");
        int[]? chosen = _processors is null ? ThreadPinning.Spread(threads, allowed, cores, nodes) : _processors.Length >= threads ? _processors[..threads] : null;
        return chosen ?? throw Refused(nameof(ContextOptions.Threading), $"{threads} threads are more than the {Count ?? allowed.Count} processors to bind them to");
    }

    private ArgumentOutOfRangeException Refused(string option, string why) => new(option, ToString(), why);
}
