using Moe.Inference.Cuda.Native;
using Moe.Inference.Execution;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Memory;

/// <summary>Copies between memory of anybody's on the host and the device, by way of a chunk of pinned memory; much at once goes through <see cref="UploadPipeline"/>.</summary>
/// <param name="device">The device.</param>
/// <param name="stream">The stream of the copies, in the order of what else is on it.</param>
internal sealed unsafe class StagingCopies(CudaDevice device, nint stream) : IDisposable
{
    private const int ChunkBytes = 8 << 20;

    private DeviceBuffer? _chunk;

    /// <summary>Copies to the device and waits. The stream has nothing left to do.</summary>
    public void Up(nint source, DeviceBuffer target, long targetOffset, long bytes)
    {
        if (bytes > ChunkBytes)
        {
            UploadPipeline.Run(device, [new DeviceUpload(new Stretch(target, targetOffset, bytes), (offset, destination) => new Span<byte>((byte*)source + offset, destination.Length).CopyTo(destination))], _ => { }, default);
            return;
        }

        nint chunk = Chunk();
        Buffer.MemoryCopy((void*)source, (void*)chunk, ChunkBytes, bytes);
        if (bytes > 0)
            Check(Driver.CopyToDevice(target.Address + (nint)targetOffset, chunk, (nuint)bytes, stream), "write", target.Purpose);
        Check(Driver.StreamSynchronize(stream), "write", target.Purpose);
    }

    /// <summary>Copies to the host and waits.</summary>
    public void Down(nint source, nint target, long bytes, string purpose)
    {
        nint chunk = Chunk();
        for (long done = 0; done < bytes; done += ChunkBytes)
        {
            long part = Math.Min(ChunkBytes, bytes - done);
            Check(Driver.CopyToHost(chunk, source + (nint)done, (nuint)part, stream), "read", purpose);
            Check(Driver.StreamSynchronize(stream), "read", purpose);
            Buffer.MemoryCopy((void*)chunk, (void*)(target + (nint)done), part, part);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _chunk?.Dispose();

    private nint Chunk()
    {
        device.MakeCurrent();
        return (_chunk ??= device.AllocatePinned(ChunkBytes, "staging memory")).Address;
    }

    private void Check(CudaResult result, string operation, string subject) => result.ThrowIfFailed(operation, subject, device.Device.ToString());

    // A part of a buffer; owns nothing.
    private sealed class Stretch(DeviceBuffer whole, long offset, long bytes) : DeviceBuffer(whole.Device, bytes, whole.Purpose)
    {
        public override nint Address => whole.Address + (nint)offset;

        protected override void Dispose(bool disposing)
        {
        }
    }
}
