using System.Runtime.InteropServices;
using Moe.Inference.Cpu.Threading;
using Moe.Inference.Gguf;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu;

/// <summary>Host memory that this object allocated, aligned for the widest vectors and to pages; much of it to huge pages, where the system has them.</summary>
internal sealed unsafe class HostBuffer : DeviceBuffer
{
    private const nuint PageBytes = 4096, HugePageBytes = 2 << 20;
    private void* _memory;

    public HostBuffer(long length, string purpose, MemoryInterleave? interleave = null)
        : base(Device.Cpu, length, purpose)
    {
        try
        {
            bool isLarge = length >= 2 * (long)HugePageBytes;
            _memory = NativeMemory.AlignedAlloc((nuint)Math.Max(length, 1), isLarge ? HugePageBytes : PageBytes);
            if (isLarge)
                MemoryAdvice.Advise((nint)_memory, (nuint)length, MemoryAdvice.HugePage);
        }
        catch (OutOfMemoryException problem)
        {
            throw new OutOfDeviceMemoryException(Device.Cpu.ToString(), length, -1, purpose, problem);
        }

        interleave?.Spread((nint)_memory, (nint)length);
        GC.AddMemoryPressure(Math.Max(length, 1));
    }

    ~HostBuffer() => Dispose(false);

    public override nint Address => _memory is not null ? (nint)_memory : throw new ObjectDisposedException(Purpose);

    protected override void Dispose(bool disposing)
    {
        if (_memory is null)
            return;
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        GC.RemoveMemoryPressure(Math.Max(Length, 1));
    }
}
