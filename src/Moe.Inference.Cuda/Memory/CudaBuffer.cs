using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Memory;

/// <summary>Memory of a CUDA device.</summary>
internal sealed class CudaBuffer : DeviceBuffer
{
    private readonly CudaDevice _owner;
    private IMemoryOwner? _memory;

    public CudaBuffer(CudaDevice owner, IMemoryOwner memory, long length, string purpose)
        : base(owner.Device, length, purpose)
    {
        _owner = owner;
        _memory = memory;
        Base = memory.Address;
    }

    /// <summary>The device.</summary>
    public CudaDevice Owner => _owner;

    /// <inheritdoc/>
    public override nint Address => _memory is not null ? Base : throw new ObjectDisposedException(Purpose);

    private nint Base { get; }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (Interlocked.Exchange(ref _memory, null) is not { } memory)
            return;
        _owner.Free(memory, Length);
    }
}

/// <summary>Host memory that copies reach directly.</summary>
internal sealed class PinnedBuffer(IMemoryOwner memory, long length, string purpose) : DeviceBuffer(Device.Cpu, length, purpose)
{
    private IMemoryOwner? _memory = memory;

    /// <inheritdoc/>
    public override nint Address => _memory?.Address ?? throw new ObjectDisposedException(Purpose);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => Interlocked.Exchange(ref _memory, null)?.Dispose();
}
