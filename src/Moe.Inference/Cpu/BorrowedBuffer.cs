using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu;

/// <summary>Host memory that somebody else owns and keeps alive, such as a mapped file.</summary>
internal sealed class BorrowedBuffer(nint address, long length, string purpose) : DeviceBuffer(Device.Cpu, length, purpose)
{
    public override nint Address => address;

    /// <summary>Its copy in packed form, if there is one.</summary>
    public PackedWeights? Packed { get; set; }

    protected override void Dispose(bool disposing)
    {
    }
}
