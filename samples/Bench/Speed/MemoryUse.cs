using System.Diagnostics;
using System.Globalization;

namespace Moe.Inference.Bench.Speed;

/// <summary>Memory of this process in bytes.</summary>
/// <param name="PeakResident">The most that ever was in memory, mapped files included.</param>
/// <param name="Anonymous">Of what is in memory now: not backed by a file; null where the system does not tell.</param>
/// <param name="Mapped">Of what is in memory now: pages of mapped files, the weights above all; null where the system does not tell.</param>
internal sealed record MemoryUse(long PeakResident, long? Anonymous, long? Mapped)
{
    private const string Status = "/proc/self/status";

    public static MemoryUse Current()
    {
        using Process process = Process.GetCurrentProcess();
        return new MemoryUse(Bytes("VmHWM") ?? process.PeakWorkingSet64, Bytes("RssAnon"), Bytes("RssFile"));
    }

    private static long? Bytes(string name) =>
        Machine.ValueOf(Status, name) is { } text ? long.Parse(text.Split(' ')[0], CultureInfo.InvariantCulture) * 1024 : null;
}
