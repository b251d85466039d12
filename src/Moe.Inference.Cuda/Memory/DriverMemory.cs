using Moe.Inference.Cuda.Native;

namespace Moe.Inference.Cuda.Memory;

/// <summary>Memory straight from the driver: where another library stands in for it, and libtorch could not use that.</summary>
/// <param name="device">The device, as errors name it.</param>
internal sealed unsafe class DriverMemory(string device) : IMemorySource
{
    /// <inheritdoc/>
    public string Description => "the driver's own memory";

    // A library that stands in for the driver watches the borders of each.
    /// <inheritdoc/>
    public bool TakesPieces => false;

    /// <inheritdoc/>
    public IMemoryOwner? Allocate(long bytes)
    {
        nint address = 0;
        return Succeeds(Driver.MemoryAllocate(&address, (nuint)bytes), bytes) ? new Owner(address, &Driver.MemoryFree) : null;
    }

    /// <inheritdoc/>
    public IMemoryOwner? AllocatePinned(long bytes)
    {
        nint address = 0;
        return Succeeds(Driver.HostAllocate(&address, (nuint)bytes, 0), bytes) ? new Owner(address, &Driver.HostFree) : null;
    }

    private bool Succeeds(CudaResult result, long bytes)
    {
        if (result == CudaResult.OutOfMemory)
            return false;
        result.ThrowIfFailed("allocate", $"{bytes:N0} bytes", device);
        return true;
    }

    private sealed class Owner(nint address, delegate*<nint, CudaResult> free) : IMemoryOwner
    {
        private readonly delegate*<nint, CudaResult> _free = free;
        private nint _address = address;

        public nint Address => _address;

        public void Dispose()
        {
            if (_address != 0)
                _ = _free(_address);
            _address = 0;
        }
    }
}
