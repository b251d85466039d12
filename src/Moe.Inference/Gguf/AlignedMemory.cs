using System.Runtime.InteropServices;

namespace Moe.Inference.Gguf;

/// <summary>A block of native memory, aligned. Addresses of it are handed out, so it is freed by <see cref="Dispose"/> only.</summary>
internal sealed unsafe class AlignedMemory : IDisposable
{
    /// <summary>The size of a cache line and of the widest vector.</summary>
    public const int Alignment = 64;

    private const nuint HugePageBytes = 2 << 20;

    /// <summary>Allocates memory with undefined content.</summary>
    /// <param name="bytes">At least 1.</param>
    /// <exception cref="OutOfMemoryException">There is not that much.</exception>
    public AlignedMemory(nuint bytes)
    {
        // Weights are read from end to end for every token: with huge pages, far fewer translations miss.
        bool huge = bytes >= HugePageBytes;
        Address = (nint)NativeMemory.AlignedAlloc(bytes, huge ? HugePageBytes : Alignment);
        if (huge)
            MemoryAdvice.Advise(Address, bytes, MemoryAdvice.HugePage);
    }

    /// <summary>Where the block begins; 0 once it is freed.</summary>
    public nint Address { get; private set; }

    public void Dispose()
    {
        NativeMemory.AlignedFree((void*)Address);
        Address = 0;
    }
}
