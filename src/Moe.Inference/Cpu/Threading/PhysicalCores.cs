using System.Globalization;

namespace Moe.Inference.Cpu.Threading;

/// <summary>
/// How many threads compute best: one per physical core, since two on one core share its vector units and its path to memory, but no more than
/// the process may use at once (affinity and the quota of a control group are in <see cref="Environment.ProcessorCount"/>).
/// </summary>
internal static class PhysicalCores
{
    private const string LinuxTopology = "/sys/devices/system/cpu";

    /// <summary>The number of threads for this process, at least 1.</summary>
    public static int Usable => CountUsable(Read(LinuxTopology), ThreadPinning.Allowed, Environment.ProcessorCount);

    /// <summary>The logical processors of each physical core; empty where that is unknown.</summary>
    public static IReadOnlyList<int[]> OfThisMachine => Read(LinuxTopology);

    /// <summary>The number of threads for a process.</summary>
    /// <param name="cores">The logical processors of each core.</param>
    /// <param name="allowed">Processors that the process may use, or null if that is unknown.</param>
    /// <param name="processorCount">Processors that it may keep busy at once.</param>
    public static int CountUsable(IReadOnlyList<int[]> cores, IReadOnlyList<int>? allowed, int processorCount)
    {
        int usable = cores.Count(core => allowed is null || core.Any(allowed.Contains));
        return Math.Max(1, usable == 0 ? processorCount : Math.Min(processorCount, usable));
    }

    /// <summary>
    /// The logical processors of each physical core, by the kernel's description of each (Documentation/admin-guide/cputopology.rst); empty where
    /// there is none.
    /// </summary>
    /// <param name="topology">The folder with a folder for each processor.</param>
    public static IReadOnlyList<int[]> Read(string topology)
    {
        HashSet<string> cores = new(StringComparer.Ordinal);
        try
        {
            for (int processor = 0; ; processor++)
            {
                string folder = Path.Combine(topology, string.Create(CultureInfo.InvariantCulture, $"cpu{processor}"));
                if (!Directory.Exists(folder))
                    break;
                // A processor that is switched off has no topology. Siblings name the same set.
                string siblings = Path.Combine(folder, "topology", "thread_siblings_list");
                if (File.Exists(siblings))
                    cores.Add(File.ReadAllText(siblings).Trim());
            }

            return [.. cores.Select(ProcessorList.Parse).Where(core => core.Length > 0).OrderBy(core => core[0])];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException)
        {
            return [];
        }
    }
}
