using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Moe.Inference.Gguf;

/// <summary>A block of native memory, aligned, freed when disposed or finalized.</summary>
internal sealed unsafe class AlignedMemory : SafeHandleZeroOrMinusOneIsInvalid
{
    /// <summary>The size of a cache line and of the widest vector.</summary>
    public const int Alignment = 64;

    private const nuint HugePageBytes = 2 << 20;

    private AlignedMemory(void* address)
        : base(ownsHandle: true) => SetHandle((nint)address);

    /// <summary>Where the block begins.</summary>
    public nint Address => handle;

    /// <summary>Allocates memory with undefined content.</summary>
    /// <param name="bytes">At least 1.</param>
    /// <exception cref="OutOfMemoryException">There is not that much.</exception>
    public static AlignedMemory Allocate(nuint bytes)
    {
        // Weights are read from end to end for every token: with huge pages, far fewer translations miss.
        bool huge = bytes >= HugePageBytes;
        AlignedMemory memory = new(NativeMemory.AlignedAlloc(bytes, huge ? HugePageBytes : Alignment));
        if (huge)
            MemoryAdvice.Advise(memory.Address, bytes, MemoryAdvice.HugePage);
        return memory;
    }

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }
}
