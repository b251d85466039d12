using System.ComponentModel;
using System.Runtime.InteropServices;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance;

/// <summary>Host memory whose end is followed by a page that may neither be read nor written.</summary>
internal sealed unsafe partial class GuardPageBuffer : DeviceBuffer
{
    // Linux, the same on x86-64 and Arm64: <sys/mman.h>.
    private const int ProtNone = 0, ProtReadWrite = 3, MapPrivateAnonymous = 0x22;

    private readonly nint _mapped;
    private readonly nuint _mappedBytes;
    private bool _disposed;

    /// <summary>Maps memory.</summary>
    /// <param name="bytes">Bytes wanted; rounded up to whole pages.</param>
    /// <param name="purpose">What it is for.</param>
    public GuardPageBuffer(long bytes, string purpose)
        : base(Device.Cpu, RoundUp(bytes), purpose)
    {
        _mappedBytes = (nuint)(Length + Environment.SystemPageSize);
        _mapped = MemoryMap(0, _mappedBytes, ProtReadWrite, MapPrivateAnonymous, -1, 0);
        if (_mapped == -1)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        if (MemoryProtect(_mapped + (nint)Length, (nuint)Environment.SystemPageSize, ProtNone) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    ~GuardPageBuffer() => Dispose(false);

    /// <summary>Whether this system has such memory.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() && Environment.Is64BitProcess;

    public override nint Address => _disposed ? throw new ObjectDisposedException(Purpose) : _mapped;

    protected override void Dispose(bool disposing)
    {
        if (_disposed || _mapped is 0 or -1)
            return;
        _disposed = true;
        _ = MemoryUnmap(_mapped, _mappedBytes);
    }

    private static long RoundUp(long bytes) => (Math.Max(bytes, 1) + Environment.SystemPageSize - 1) / Environment.SystemPageSize * Environment.SystemPageSize;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint MemoryMap(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MemoryProtect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MemoryUnmap(nint address, nuint length);
}
