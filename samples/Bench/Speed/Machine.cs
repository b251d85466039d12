using System.Runtime.InteropServices;
using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Bench.Speed;

/// <summary>Where a measurement was made. What the system does not tell is null.</summary>
/// <param name="Processor">The processor's name.</param>
/// <param name="Processors">Processors that this process may use.</param>
/// <param name="Instructions">The instruction sets in use.</param>
/// <param name="LoadAverage">Threads that wanted a processor during the last minute, of all programs.</param>
/// <param name="Runtime">The .NET runtime.</param>
/// <param name="Library">The version of the library.</param>
internal sealed record Machine(string? Processor, int Processors, string Instructions, string? LoadAverage, string Runtime, string Library)
{
    public static Machine Current() => new(
        ValueOf("/proc/cpuinfo", "model name"),
        Environment.ProcessorCount,
        CpuFeatures.Current.ToString(),
        File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : null,
        RuntimeInformation.FrameworkDescription,
        typeof(Model).Assembly.GetName().Version?.ToString() ?? "unknown");

    /// <summary>The value of the first line <c>NAME : VALUE</c> of a file of the system, or null.</summary>
    internal static string? ValueOf(string file, string name)
    {
        if (!File.Exists(file))
            return null;
        foreach (string line in File.ReadLines(file))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line.AsSpan(0, colon).Trim().SequenceEqual(name))
                return line[(colon + 1)..].Trim();
        }

        return null;
    }
}
