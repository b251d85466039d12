using Moe.Inference.Cuda.Native;

namespace Moe.Inference.Cuda.Memory;

/// <summary>A stream with some chunks of pinned memory, so that one is filled while others are sent. For one thread, which works for the device.</summary>
internal sealed unsafe class CopyLane : IDisposable
{
    private const uint NonBlocking = 1;
    private const uint DisableTiming = 2;

    private readonly string _device;
    private readonly LockedChunk _memory;
    private readonly int _chunkBytes;
    private readonly nint _stream;
    private readonly nint[] _sent;
    private int _turn;

    public CopyLane(CudaDevice device, int chunkBytes, int chunks)
    {
        _sent = new nint[chunks];
        _device = device.Device.ToString();
        _chunkBytes = chunkBytes;
        _memory = new LockedChunk(device, (nuint)chunkBytes * (nuint)_sent.Length);
        nint created = 0;
        Check(Driver.StreamCreate(&created, NonBlocking), "create", "a stream");
        _stream = created;
        for (int i = 0; i < _sent.Length; i++)
        {
            Check(Driver.EventCreate(&created, DisableTiming), "create", "an event");
            _sent[i] = created;
        }
    }

    /// <summary>Reads a chunk and enqueues sending it.</summary>
    public void Up(in UploadChunk chunk)
    {
        string purpose = chunk.Upload.Target.Purpose;
        _turn = (_turn + 1) % _sent.Length;
        Check(Driver.EventSynchronize(_sent[_turn]), "write", purpose);
        nint filled = _memory.Address + (nint)((long)_turn * _chunkBytes);
        chunk.Upload.Read(chunk.Offset, new Span<byte>((void*)filled, chunk.Bytes));
        Check(Driver.CopyToDevice(chunk.Upload.Target.Address + (nint)chunk.Offset, filled, (nuint)chunk.Bytes, _stream), "write", purpose);
        Check(Driver.EventRecord(_sent[_turn], _stream), "write", purpose);
    }

    /// <summary>Waits until all is sent.</summary>
    public void Finish() => Check(Driver.StreamSynchronize(_stream), "write", "the last chunks");

    /// <inheritdoc/>
    public void Dispose()
    {
        _ = Driver.StreamSynchronize(_stream);
        _ = Driver.StreamDestroy(_stream);
        foreach (nint sent in _sent)
            _ = Driver.EventDestroy(sent);
        _memory.Dispose();
    }

    private void Check(CudaResult result, string operation, string subject) => result.ThrowIfFailed(operation, subject, _device);
}
