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
    public static int Usable => Math.Max(1, Math.Min(Environment.ProcessorCount, Count(LinuxTopology) ?? int.MaxValue));

    /// <summary>Physical cores by the kernel's description of each logical processor (Documentation/admin-guide/cputopology.rst), or null where there is none.</summary>
    /// <param name="topology">The folder with a folder for each processor.</param>
    public static int? Count(string topology)
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
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        return cores.Count == 0 ? null : cores.Count;
    }
}
