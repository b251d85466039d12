using Moe.Inference.Cuda.Native;

namespace Moe.Inference.Cuda.Memory;

/// <summary>Host memory of somebody else's that is locked in place until this is disposed.</summary>
internal sealed class LockedHostMemory : IDisposable
{
    // For all contexts, and never written by a device: mapped files are read-only.
    private const uint PortableReadOnly = 1 | 8;

    private readonly CudaDevice _device;
    private nint _address;

    private LockedHostMemory(CudaDevice device, nint address) => (_device, _address) = (device, address);

    /// <summary>Locks memory; null if the driver refuses, as it does beyond the process's limit of locked memory.</summary>
    public static LockedHostMemory? TryLock(CudaDevice device, nint address, long bytes)
    {
        device.MakeCurrent();
        nint page = Environment.SystemPageSize;
        nint start = address & -page;
        nint end = (address + (nint)bytes + page - 1) & -page;
        return Driver.HostRegister(start, (nuint)(end - start), PortableReadOnly) == CudaResult.Success ? new LockedHostMemory(device, start) : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_address == 0)
            return;
        _ = Driver.ContextSetCurrent(_device.Context);
        _ = Driver.HostUnregister(_address);
        _address = 0;
    }
}
