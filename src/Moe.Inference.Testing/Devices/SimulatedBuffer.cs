using System.Runtime.InteropServices;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing;

/// <summary>
/// Memory of a simulated device: native memory between two guards. Fresh memory and guards read as NaN in every float type. Its address is
/// told to threads that work for the device, and to no others.
/// </summary>
internal sealed unsafe class SimulatedBuffer : DeviceBuffer
{
    private const byte Poison = 0xFF;
    private const nuint Alignment = 4096;

    private readonly SimulatedDevice _owner;
    private readonly long _guard;
    private readonly nuint _head;
    private byte* _memory;

    public SimulatedBuffer(SimulatedDevice owner, long length, int guardBytes, string purpose)
        : base(owner.Device, length, purpose)
    {
        _owner = owner;
        _guard = guardBytes;
        _head = ((nuint)guardBytes + Alignment - 1) / Alignment * Alignment;
        _memory = (byte*)NativeMemory.AlignedAlloc(_head + (nuint)length + (nuint)guardBytes + 1, Alignment);
        NativeMemory.Fill(Start, (nuint)length, Poison);
        Restore(Start - _guard);
        Restore(Start + Length);
        GC.AddMemoryPressure(length + 1);
    }

    ~SimulatedBuffer() => Dispose(false);

    /// <summary>The device.</summary>
    public SimulatedDevice Owner => _owner;

    public override nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_memory is null, Purpose);
            if (SimulatedDevice.Working != _owner)
                throw new DeviceException("memory access", Purpose, Device.ToString(), $"touched from {SimulatedDevice.Working?.Device.ToString() ?? "the host"}; only a transfer may");
            return (nint)Start;
        }
    }

    private byte* Start => _memory + _head;

    /// <summary>Looks for writes beyond either end; a guard that was hit is made good, so that each fault is told once.</summary>
    /// <returns>What was found, or null.</returns>
    public DeviceException? CheckGuards() => _memory is null ? null : Check(Start - _guard, -_guard) ?? Check(Start + Length, Length);

    protected override void Dispose(bool disposing)
    {
        if (_memory is null)
            return;
        DeviceException? violation = disposing ? CheckGuards() : null;
        if (disposing)
            _owner.Forget(this);
        NativeMemory.AlignedFree(_memory);
        _memory = null;
        GC.RemoveMemoryPressure(Length + 1);
        if (violation is not null)
            throw violation;
    }

    // NaN to whoever reads it as 16 or 32 bits, yet not what a fill with one byte leaves behind.
    private static byte GuardAt(byte* place) => ((nint)place & 1) == 0 ? (byte)0xFE : (byte)0xFF;

    private void Restore(byte* guard)
    {
        for (long i = 0; i < _guard; i++)
            guard[i] = GuardAt(guard + i);
    }

    private DeviceException? Check(byte* guard, long offset)
    {
        for (long i = 0; i < _guard; i++)
        {
            if (guard[i] == GuardAt(guard + i))
                continue;
            byte found = guard[i];
            Restore(guard);
            return new DeviceException("memory guard", Purpose, Device.ToString(), $"byte {offset + i} was written (0x{found:X2}); the memory has bytes 0 to {Length - 1}");
        }

        return null;
    }
}
