using System.Runtime.InteropServices;

namespace Moe.Inference.Cuda.Memory;

/// <summary>
/// Host memory of our own that is locked in place, in huge pages where the system has them: several times faster to come by than what the
/// driver allocates, and as fast to copy from. For memory that is needed for a short time.
/// </summary>
internal sealed unsafe partial class LockedChunk : IDisposable
{
    private const nuint HugePageBytes = 2 << 20;
    private const int HugePage = 14;

    private readonly LockedHostMemory? _lock;

    public LockedChunk(CudaDevice device, nuint bytes)
    {
        bytes = (bytes + HugePageBytes - 1) / HugePageBytes * HugePageBytes;
        Address = (nint)NativeMemory.AlignedAlloc(bytes, HugePageBytes);
        // Advice; a system without it has small pages.
        if (OperatingSystem.IsLinux())
            _ = Madvise(Address, bytes, HugePage);
        new Span<byte>((void*)Address, checked((int)bytes)).Clear();
        _lock = LockedHostMemory.TryLock(device, Address, (long)bytes);
    }

    /// <summary>Its first byte.</summary>
    public nint Address { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lock?.Dispose();
        NativeMemory.AlignedFree((void*)Address);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Madvise(nint address, nuint bytes, int advice);
}
