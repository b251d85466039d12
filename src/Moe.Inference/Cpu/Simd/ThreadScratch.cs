using System.Runtime.InteropServices;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Working memory of the calling thread, kept from call to call. Its contents last until the thread's next <see cref="Get"/>.</summary>
internal static unsafe class ThreadScratch
{
    private const nuint Alignment = 64;

    [ThreadStatic]
    private static Block? _block;

    /// <summary>At least so many bytes, on a cache line.</summary>
    public static byte* Get(long bytes)
    {
        Block block = _block ??= new Block();
        return block.Get((nuint)bytes);
    }

    private sealed class Block
    {
        private byte* _memory;
        private nuint _length;

        ~Block() => NativeMemory.AlignedFree(_memory);

        public byte* Get(nuint length)
        {
            if (length > _length)
            {
                byte* grown = (byte*)NativeMemory.AlignedAlloc(length, Alignment);
                NativeMemory.AlignedFree(_memory);
                _memory = grown;
                _length = length;
            }
            return _memory;
        }
    }
}
