using System.Runtime.InteropServices;

namespace Moe.Inference.Cpu.Threading;

/// <summary>On which processors threads may run: which ones there are for this process, and how a thread is bound to one (Linux and Windows).</summary>
internal static unsafe partial class ThreadPinning
{
    // Words of 64 bits of a mask that has room for as many processors as any kernel is built for.
    private const int MaskWords = 128, WordBits = 64;

    /// <summary>Whether threads can be bound here.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() || OperatingSystem.IsWindows();

    /// <summary>The processors that the process may use, ascending; null where that is unknown.</summary>
    public static IReadOnlyList<int>? Allowed
    {
        get
        {
            ulong* mask = stackalloc ulong[MaskWords];
            new Span<ulong>(mask, MaskWords).Clear();
            bool known = OperatingSystem.IsLinux()
                ? GetAffinity(Environment.ProcessId, MaskWords * sizeof(ulong), mask) == 0
                : OperatingSystem.IsWindows() && GetProcessAffinityMask(GetCurrentProcess(), mask, mask + 1);
            // Windows tells of one group of processors; the second number is the system's.
            return known ? Numbers(new ReadOnlySpan<ulong>(mask, OperatingSystem.IsWindows() ? 1 : MaskWords)) : null;
        }
    }

    /// <summary>Binds the calling thread to a processor.</summary>
    /// <returns>Why the system refuses, or null.</returns>
    public static string? Pin(int processor)
    {
        ulong* mask = stackalloc ulong[MaskWords];
        new Span<ulong>(mask, MaskWords).Clear();
        mask[processor / WordBits] = 1ul << (processor % WordBits);
        bool done = OperatingSystem.IsLinux()
            ? SetAffinity(0, MaskWords * sizeof(ulong), mask) == 0
            : OperatingSystem.IsWindows() && processor < WordBits && SetThreadAffinityMask(GetCurrentThread(), (nuint)mask[0]) != 0;
        return done ? null : Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
    }

    /// <summary>
    /// One processor for each of some threads: the first of each core, then, where threads are left, the second ones, and so on.
    /// </summary>
    /// <param name="threads">How many threads.</param>
    /// <param name="allowed">Processors that the process may use.</param>
    /// <param name="cores">The logical processors of each core; a processor in none is taken for a core.</param>
    /// <param name="nodes">Nodes to spread threads over in turn; one or none for the order of the processors.</param>
    /// <returns>The processors, or null if there are not enough.</returns>
    public static int[]? Spread(int threads, IReadOnlyList<int> allowed, IReadOnlyList<int[]> cores, IReadOnlyList<NumaNode> nodes)
    {
        int[] unknown = [.. allowed.Except(cores.SelectMany(core => core))];
        int[][] usable = [.. cores.Select(core => core.Where(allowed.Contains).ToArray()).Concat(unknown.Select(processor => new[] { processor })).Where(core => core.Length > 0)];
        IEnumerable<(int Rank, int Processor)> ranked = usable.SelectMany(core => core.Select((processor, rank) => (rank, processor)));
        int[] order = [.. ranked.GroupBy(pair => pair.Rank).OrderBy(group => group.Key).SelectMany(group => InTurn(group.Select(pair => pair.Processor), nodes))];
        return threads <= order.Length ? order[..threads] : null;
    }

    // The first of each node, then the second of each.
    private static IEnumerable<int> InTurn(IEnumerable<int> processors, IReadOnlyList<NumaNode> nodes) => processors
        .Order()
        .GroupBy(processor => nodes.FirstOrDefault(node => node.Processors.Contains(processor))?.Id ?? 0)
        .SelectMany(group => group.Select((processor, place) => (Place: place, Node: group.Key, Processor: processor)))
        .OrderBy(item => nodes.Count > 1 ? item.Place : 0).ThenBy(item => nodes.Count > 1 ? item.Node : 0).ThenBy(item => item.Processor)
        .Select(item => item.Processor);

    private static int[] Numbers(ReadOnlySpan<ulong> mask)
    {
        List<int> numbers = [];
        for (int i = 0; i < mask.Length * WordBits; i++)
        {
            if ((mask[i / WordBits] >> (i % WordBits) & 1) != 0)
                numbers.Add(i);
        }

        return [.. numbers];
    }

    [LibraryImport("libc", EntryPoint = "sched_getaffinity", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetAffinity(int process, nint bytes, ulong* mask);

    // Process 0 is the calling thread.
    [LibraryImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetAffinity(int process, nint bytes, ulong* mask);

    [LibraryImport("kernel32")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nint GetCurrentProcess();

    [LibraryImport("kernel32")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nint GetCurrentThread();

    [LibraryImport("kernel32", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetProcessAffinityMask(nint process, ulong* mask, ulong* systemMask);

    [LibraryImport("kernel32", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial nuint SetThreadAffinityMask(nint thread, nuint mask);
}
