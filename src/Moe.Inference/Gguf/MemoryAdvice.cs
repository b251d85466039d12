using System.Runtime.InteropServices;

namespace Moe.Inference.Gguf;

/// <summary>Hints to the kernel about memory (<c>madvise</c>); without effect except on Linux. A refused hint is no error.</summary>
internal static partial class MemoryAdvice
{
    /// <summary><c>MADV_WILLNEED</c>: read ahead.</summary>
    public const int WillNeed = 3;

    /// <summary><c>MADV_HUGEPAGE</c>: back with huge pages where possible.</summary>
    public const int HugePage = 14;

    /// <summary>Gives advice on the whole pages within a range.</summary>
    public static void Advise(nint address, nuint bytes, int advice)
    {
        if (!OperatingSystem.IsLinux())
            return;
        nint page = Environment.SystemPageSize;
        nint begin = address & -page;
        _ = Madvise(begin, bytes + (nuint)(address - begin), advice);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Madvise(nint address, nuint length, int advice);
}
