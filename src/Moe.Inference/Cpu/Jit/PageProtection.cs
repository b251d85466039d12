using System.Runtime.InteropServices;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Whole pages of memory and what may be done with them, on Linux, macOS and Windows.</summary>
internal static unsafe partial class PageProtection
{
    private const int ProtectRead = 1, ProtectWrite = 2, ProtectExecute = 4;
    private const int MapPrivate = 2, MapAnonymousLinux = 0x20, MapAnonymousMac = 0x1000;
    private const uint MemoryCommitReserve = 0x3000, MemoryRelease = 0x8000, PageReadWrite = 4, PageExecuteRead = 0x20;

    /// <summary>Pages to read and write.</summary>
    /// <exception cref="NotSupportedException">The system refuses.</exception>
    public static nint Allocate(nuint length)
    {
        nint address = OperatingSystem.IsWindows()
            ? VirtualAlloc(0, length, MemoryCommitReserve, PageReadWrite)
            : Map(0, length, ProtectRead | ProtectWrite, MapPrivate | (OperatingSystem.IsMacOS() ? MapAnonymousMac : MapAnonymousLinux), -1, 0);
        return address is not (0 or -1) ? address : throw Refused("memory for machine code");
    }

    /// <summary>Pages to read and execute from now on.</summary>
    /// <exception cref="NotSupportedException">The system refuses.</exception>
    public static void MakeExecutable(nint address, nuint length)
    {
        bool done = OperatingSystem.IsWindows()
            ? VirtualProtect(address, length, PageExecuteRead, out _)
            : Protect(address, length, ProtectRead | ProtectExecute) == 0;
        if (!done)
            throw Refused("executable memory");
    }

    /// <summary>Gives pages back.</summary>
    public static void Free(nint address, nuint length)
    {
        if (OperatingSystem.IsWindows())
            VirtualFree(address, 0, MemoryRelease);
        else
            Unmap(address, length);
    }

    private static NotSupportedException Refused(string what) =>
        new($"the system refuses {what}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial nint VirtualAlloc(nint address, nuint length, uint type, uint protection);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool VirtualProtect(nint address, nuint length, uint protection, out uint previous);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool VirtualFree(nint address, nuint length, uint type);
}
