using System.Globalization;

namespace Moe.Inference.Cpu.Threading;

/// <summary>A part of the machine with memory of its own (NUMA).</summary>
/// <param name="Id">Its number.</param>
/// <param name="Processors">The logical processors nearest to it; none where it is memory only.</param>
/// <param name="HasMemory">Whether it has memory.</param>
internal sealed record NumaNode(int Id, IReadOnlyList<int> Processors, bool HasMemory);

/// <summary>The nodes of a machine as Linux describes them (Documentation/ABI/stable/sysfs-devices-node).</summary>
internal static class NumaNodes
{
    private const string LinuxNodes = "/sys/devices/system/node";

    /// <summary>The nodes of this machine; empty where that is unknown.</summary>
    public static IReadOnlyList<NumaNode> OfThisMachine => Read(LinuxNodes);

    /// <summary>Reads a description; empty where there is none.</summary>
    /// <param name="folder">The folder with a folder for each node, and the lists <c>online</c> and <c>has_memory</c>.</param>
    public static IReadOnlyList<NumaNode> Read(string folder)
    {
        try
        {
            if (!File.Exists(Path.Combine(folder, "online")))
                return [];
            int[] withMemory = List(folder, "has_memory");
            return [.. List(folder, "online").Select(id => new NumaNode(id, List(folder, string.Create(CultureInfo.InvariantCulture, $"node{id}"), "cpulist"), withMemory.Contains(id)))];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or FormatException)
        {
            return [];
        }
    }

    private static int[] List(params string[] path) => ProcessorList.Parse(File.ReadAllText(Path.Combine(path)).Trim());
}
